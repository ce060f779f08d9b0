//! The report as one page that needs nothing else: figures in tables, plots as inline SVG.

use std::fmt::Write;

use crate::report::{Figure, Goal, Plot, Report};

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1c2024}\
table{border-collapse:collapse;width:100%;margin:1rem 0}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #d9dde1;vertical-align:top}\
td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}.yes{color:#18794e}.no{color:#b3261e}small{color:#60646c}\
svg{display:block;margin:1rem 0;max-width:100%}@media(prefers-color-scheme:dark){body{background:#111315;color:#e6e8eb}}";

/// Colours of lines that can be told apart by most eyes (Okabe and Ito).
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 260.0;
const MARGIN: f64 = 52.0;

/// Renders the report.
pub(crate) fn page(report: &Report) -> Result<String, std::fmt::Error> {
    let mut page = String::new();
    write!(
        page,
        "<!doctype html><html lang=en><meta charset=utf-8><title>Cloister: measurements</title><style>{STYLE}</style>\
         <h1>Cloister: measurements</h1>"
    )?;
    let machine = &report.machine;
    write!(
        page,
        "<p>{} · {} cores · {} MiB · Linux {} · load before {} · {} build · took {:.0} s<br><small>{}</small></p>",
        text(&machine.processor),
        machine.cores,
        machine.memory_mib,
        text(&machine.kernel),
        text(&machine.load_before),
        report.profile,
        report.took_s,
        text(&machine.versions.join(" · "))
    )?;
    if report.quick {
        page.push_str("<p><strong>A quick run: it proves that the harness works, and its figures mean nothing.</strong></p>");
    }
    for section in &report.sections {
        write!(page, "<h2>{}</h2><p>{}</p>", text(section.name), text(section.about))?;
        page.push_str("<table><tr><th>what<th>median<th>from – to<th>goal<th>reached</tr>");
        for figure in &section.figures {
            row(&mut page, figure)?;
        }
        page.push_str("</table>");
        for plot in &section.plots {
            svg(&mut page, plot)?;
        }
        for left_out in &section.left_out {
            write!(page, "<p><small>Left out: {}</small></p>", text(left_out))?;
        }
    }
    Ok(page)
}

fn row(page: &mut String, figure: &Figure) -> std::fmt::Result {
    let goal = match figure.goal {
        None => String::new(),
        Some(Goal::AtMost(most)) => format!("≤ {most}"),
        Some(Goal::AtLeast(least)) => format!("≥ {least}"),
        Some(Goal::Between(least, most)) => format!("{least} – {most}"),
    };
    let reached = match figure.reached {
        None => "",
        Some(true) => "<span class=yes>yes</span>",
        Some(false) => "<span class=no>no</span>",
    };
    let value = &figure.value;
    write!(
        page,
        "<tr><td>{}<br><small>{}</small><td class=n>{} {}<td class=n>{} – {} ({})<td class=n>{goal}<td>{reached}</tr>",
        text(&figure.what),
        text(&figure.note),
        number(value.median),
        figure.unit,
        number(value.min),
        number(value.max),
        value.count,
    )
}

/// Three digits that count.
fn number(value: f64) -> String {
    let digits = if value.abs() >= 100.0 {
        0
    } else if value.abs() >= 10.0 {
        1
    } else {
        3
    };
    format!("{value:.digits$}")
}

/// Lines over logarithmic axes: what is measured spans powers of ten.
fn svg(page: &mut String, plot: &Plot) -> std::fmt::Result {
    let points = || plot.lines.iter().flat_map(|line| &line.points).filter(|(x, y)| *x > 0.0 && *y > 0.0);
    let range = |of: fn(&(f64, f64)) -> f64| {
        let (low, high) = points()
            .map(of)
            .fold((f64::MAX, f64::MIN_POSITIVE), |(low, high), value| (low.min(value), high.max(value)));
        (low.log10(), high.log10().max(low.log10() + 0.1))
    };
    if points().next().is_none() {
        return Ok(());
    }
    let (x, y) = (range(|point| point.0), range(|point| point.1));
    let at_x = |value: f64| MARGIN + (value.log10() - x.0) / (x.1 - x.0) * (WIDTH - 2.0 * MARGIN);
    let at_y = |value: f64| HEIGHT - MARGIN - (value.log10() - y.0) / (y.1 - y.0) * (HEIGHT - 2.0 * MARGIN);
    write!(
        page,
        "<h3>{}</h3><svg viewBox='0 0 {WIDTH} {HEIGHT}' width={WIDTH} role=img font-size=11 fill=currentColor>\
         <text x={MARGIN} y=14>{}</text><text x={} y={} text-anchor=end>{}</text>",
        text(&plot.title),
        text(plot.y),
        WIDTH - MARGIN,
        HEIGHT - 8.0,
        text(plot.x)
    )?;
    for (value, end) in [(x.0, "start"), (x.1, "end")] {
        let value = 10_f64.powf(value);
        write!(
            page,
            "<text x={} y={} text-anchor={end}>{}</text>",
            at_x(value),
            HEIGHT - MARGIN + 16.0,
            number(value)
        )?;
    }
    for value in [y.0, y.1] {
        let value = 10_f64.powf(value);
        write!(
            page,
            "<text x={} y={} text-anchor=end>{}</text><line x1={MARGIN} x2={} y1={} y2={} stroke='#8884'/>",
            MARGIN - 4.0,
            at_y(value) + 4.0,
            number(value),
            WIDTH - MARGIN,
            at_y(value),
            at_y(value)
        )?;
    }
    for (index, line) in plot.lines.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        let path = line.points.iter().filter(|(x, y)| *x > 0.0 && *y > 0.0);
        let path: Vec<_> = path.map(|(x, y)| format!("{:.1},{:.1}", at_x(*x), at_y(*y))).collect();
        write!(
            page,
            "<polyline fill=none stroke='{colour}' stroke-width=2 points='{}'/><text x={} y={} fill='{colour}'>{}</text>",
            path.join(" "),
            MARGIN + 8.0,
            30.0 + 14.0 * index as f64,
            text(&line.name)
        )?;
    }
    page.push_str("</svg>");
    Ok(())
}

fn text(raw: &str) -> String {
    raw.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Line;

    #[test]
    fn a_plot_without_points_is_left_out_and_one_with_points_is_drawn() {
        let mut page = String::new();
        let plot = |points| Plot {
            title: "<t>".to_owned(),
            x: "x",
            y: "y",
            lines: vec![Line { name: "a".to_owned(), points }],
        };
        svg(&mut page, &plot(vec![(0.0, 1.0)])).unwrap();
        assert_eq!(page, "");
        svg(&mut page, &plot(vec![(1.0, 1.0), (10.0, 100.0)])).unwrap();
        assert!(page.contains("<polyline") && page.contains("&lt;t&gt;") && !page.contains("NaN"), "{page}");
    }
}
