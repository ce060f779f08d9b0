//! Records as lines of CSV (RFC 4180) that a spreadsheet does not take for formulas.

use std::borrow::Cow;

use super::AuditError;
use crate::api::AuditRecord;

/// The first line.
pub const CSV_HEAD: &str =
    "seq,time,actor,session,action,resource,outcome,code,detail,address,request,times,previous,hash\r\n";

/// A record as one line, with its line end.
///
/// # Errors
/// Never in practice: a line in memory can be written.
pub fn csv_line(record: &AuditRecord) -> Result<Vec<u8>, AuditError> {
    let mut writer = csv::WriterBuilder::new()
        .has_headers(false)
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::with_capacity(512));
    let (seq, times) = (record.seq.to_string(), record.times.to_string());
    let optional = |text: &Option<String>| text.clone().unwrap_or_default();
    let cells = [
        seq,
        record.time.clone(),
        record.actor.clone(),
        optional(&record.session),
        record.action.clone(),
        record.resource.clone(),
        record.outcome.clone(),
        optional(&record.code),
        optional(&record.detail),
        optional(&record.address),
        optional(&record.request),
        times,
        record.previous.clone(),
        record.hash.clone(),
    ];
    writer.write_record(cells.iter().map(|cell| inert(cell).into_owned())).map_err(|_| AuditError::Failed)?;
    writer.into_inner().map_err(|_| AuditError::Failed)
}

/// A cell that a spreadsheet would compute gets an apostrophe in front.
fn inert(cell: &str) -> Cow<'_, str> {
    match cell.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r') => format!("'{cell}").into(),
        _ => cell.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Event;

    #[test]
    fn cells_are_quoted_and_never_formulas() {
        for start in ["=", "+", "-", "@", "\t", "\r"] {
            let event = Event::of_host("a", &format!("{start}cmd|' /C calc'!A0,\"x\"\n"));
            let record = event.into_record(1, "2026-01-01T00:00:00Z".parse().unwrap(), "p");
            let line = String::from_utf8(csv_line(&record).unwrap()).unwrap();
            assert!(line.contains(&format!(",\"'{start}cmd|' /C calc'!A0,\"\"x\"\"\n\",done,")), "{line:?}");
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_bytes());
            let cells = reader.records().next().unwrap().unwrap();
            assert_eq!(cells.len(), CSV_HEAD.split(',').count());
            assert!(cells.iter().all(|cell| !cell.starts_with(['=', '+', '-', '@', '\t', '\r'])));
        }
    }
}
