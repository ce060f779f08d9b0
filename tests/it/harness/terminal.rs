//! A person at a terminal of a host: keys in, a screen out, by long polling.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Client, PATIENCE};

const COLUMNS: u16 = 80;
const LINES: u16 = 24;
/// Larger than what one line of a test shows.
const TALL: (u16, u16) = (2_000, 400);

/// One session, as its owner sees it.
pub(crate) struct Terminal {
    client: Client,
    session: String,
    name: String,
    seq: u64,
    cursor: Option<String>,
    screen: vt100::Parser,
    /// All that was shown.
    pub(crate) shown: Vec<u8>,
    /// Marks of commands that have ended.
    pub(crate) ended: Vec<Value>,
    prompts: usize,
    /// The last event of the session.
    pub(crate) exit: Option<Value>,
}

impl Terminal {
    /// Makes a session and waits for its prompt.
    pub(crate) async fn open(client: &Client) -> Self {
        let body = json!({"name": "test", "columns": COLUMNS, "lines": LINES});
        let made = client.post("console/sessions", body).await.expect(201).data();
        let session = made["id"].as_str().unwrap().to_owned();
        let mut terminal = Self {
            client: client.clone(),
            name: format!("client-{session}"),
            session,
            seq: 0,
            cursor: None,
            screen: screen(LINES, COLUMNS),
            shown: Vec::new(),
            ended: Vec::new(),
            prompts: 0,
            exit: None,
        };
        terminal.until("a prompt", |terminal| terminal.prompts == 1).await;
        terminal
    }

    /// Types.
    pub(crate) async fn keys(&mut self, text: &str) {
        self.seq += 1;
        self.say(json!({"type": "input", "text": text})).await;
    }

    /// Ctrl-C as the browser sends it: beside the keys.
    pub(crate) async fn interrupt(&mut self) {
        self.say(json!({"type": "signal", "signal": "interrupt"})).await;
    }

    /// Types a line and waits for the next prompt; what was shown in between, without control sequences.
    pub(crate) async fn run(&mut self, line: &str) -> String {
        let prompts = self.prompts;
        let shown = self.shown.len();
        self.keys(&format!("{line}\r")).await;
        self.until("the next prompt", |terminal| terminal.prompts > prompts || terminal.exit.is_some()).await;
        let text = plain(&self.shown[shown..]);
        let (_, output) = text.split_once('\n').unwrap_or_default();
        output.rsplit_once('\n').map(|(output, _)| format!("{output}\n")).unwrap_or_default()
    }

    /// The status of the last line.
    pub(crate) fn status(&self) -> i64 {
        self.ended.last().unwrap()["exit_code"].as_i64().unwrap()
    }

    /// What stands on the screen, without blanks at the ends of lines and empty lines at the end.
    pub(crate) fn screen(&self) -> String {
        let rows = self.screen.screen().rows(0, COLUMNS);
        let rows: Vec<_> = rows.map(|row| row.trim_end().to_owned()).collect();
        rows.join("\n").trim_end().to_owned()
    }

    /// Waits until something holds.
    pub(crate) async fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !holds(self) {
                self.poll().await;
            }
        };
        if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
            panic!("{what} did not come; the screen:\n{}", self.screen());
        }
    }

    /// Waits until a text stands on the screen.
    pub(crate) async fn until_shown(&mut self, text: &str) {
        let wanted = text.to_owned();
        self.until(text, |terminal| terminal.screen().contains(&wanted)).await;
    }

    async fn say(&self, mut message: Value) {
        message["session"] = json!(self.session);
        let path = format!("console/sessions/{}/messages", self.session);
        let body = json!({"client": self.name, "seq": self.seq, "messages": [message]});
        self.client.post(&path, body).await.expect(200);
    }

    async fn poll(&mut self) {
        let subscribe = json!([{"ch": 1, "channel": "commands", "session": self.session}]).to_string();
        let mut query =
            vec![("subscribe", subscribe), ("client", self.name.clone()), ("wait", "5".to_owned())];
        query.extend(self.cursor.clone().map(|cursor| ("cursor", cursor)));
        let request = self.client.request(reqwest::Method::GET, "console/events").query(&query);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        self.cursor = Some(answer["data"]["next"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned());
        let mut end = None;
        for event in answer["data"]["events"].as_array().unwrap() {
            match (event["type"].as_str().unwrap(), event["kind"].as_str()) {
                ("bytes", _) => {
                    let bytes = STANDARD.decode(event["data"].as_str().unwrap()).unwrap();
                    end = Some(event["offset"].as_u64().unwrap() + bytes.len() as u64);
                    self.screen.process(&bytes);
                    self.shown.extend(bytes);
                }
                ("mark", Some("prompt")) => self.prompts += 1,
                ("mark", Some("end")) => self.ended.push(event.clone()),
                ("exit", _) => self.exit = Some(event.clone()),
                ("gap" | "error", _) => panic!("{event}"),
                _ => {}
            }
        }
        if let Some(offset) = end.filter(|_| self.exit.is_none()) {
            self.say(json!({"type": "ack", "offset": offset})).await;
        }
    }
}

fn screen(lines: u16, columns: u16) -> vt100::Parser {
    vt100::Parser::new(lines.try_into().unwrap(), columns.try_into().unwrap(), 0)
}

/// Text without control sequences and carriage returns.
fn plain(bytes: &[u8]) -> String {
    let mut screen = screen(TALL.0, TALL.1);
    screen.process(bytes);
    let rows = screen.screen().rows(0, TALL.1).map(|row| row.trim_end().to_owned()).collect::<Vec<_>>();
    rows.join("\n").trim_end_matches('\n').to_owned()
}
