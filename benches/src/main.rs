//! The benchmark harness: measures the runtime, the server and their peers side by side, and writes one report.

mod generator;
mod html;
mod load;
mod logs;
mod machine;
mod micro;
mod report;
mod scale;
mod server;
mod stats;
mod tenancy;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};

use crate::machine::Machine;
use crate::report::{Report, Section};

/// The runtime is measured with the allocator that the server has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures, and writes `report.json` and `report.html`.
#[derive(Parser)]
struct Cli {
    /// Where the guests are: `commands/`, `fixtures/` and `real/`.
    #[arg(long)]
    guests: PathBuf,
    /// The server's program.
    #[arg(long)]
    cloister: PathBuf,
    /// Where the report goes.
    #[arg(long)]
    out: PathBuf,
    /// Only proves that the harness works.
    #[arg(long)]
    quick: bool,
    /// Commands of each tenant in the part `tenancy`; 150 when it is not said. 1,500 take a quarter of an hour to make.
    #[arg(long)]
    tenancy_commands: Option<usize>,
    /// Only these parts.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
}

/// A part of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Parts of the runtime, in this process.
    Micro,
    /// Load over HTTP, neighbours and peers.
    Load,
    /// Lines taken, found and shown.
    Logs,
    /// Many tenants with many commands.
    Tenancy,
    /// The N-th of many.
    Scale,
}

/// What all parts need to know.
pub(crate) struct Settings {
    guests: PathBuf,
    pub(crate) cloister: PathBuf,
    pub(crate) quick: bool,
    pub(crate) tenancy_commands: Option<usize>,
}

impl Settings {
    /// A guest's file.
    pub(crate) fn guest(&self, name: &str) -> PathBuf {
        self.guests.join(name)
    }

    /// The first in a quick run, else the second.
    pub(crate) fn pick<T>(&self, quick: T, full: T) -> T {
        if self.quick { quick } else { full }
    }
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let began = Instant::now();
    let settings = Settings {
        guests: std::path::absolute(&cli.guests)?,
        cloister: std::path::absolute(&cli.cloister)?,
        quick: cli.quick,
        tenancy_commands: cli.tenancy_commands,
    };
    let machine = Machine::look(&settings.cloister);
    let parts = if cli.only.is_empty() { Part::value_variants() } else { &cli.only };
    let mut sections = Vec::new();
    for part in parts {
        let made = measure(*part, &settings).with_context(|| format!("measure {part:?}"))?;
        made.iter().for_each(tell);
        sections.extend(made);
    }
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    let took_s = began.elapsed().as_secs_f64();
    write(&cli.out, &Report { machine, quick: cli.quick, profile, took_s, sections })
}

fn measure(part: Part, settings: &Settings) -> Result<Vec<Section>> {
    match part {
        Part::Micro => micro::sections(settings),
        Part::Load => load::sections(settings),
        Part::Logs => logs::sections(settings),
        Part::Tenancy => tenancy::sections(settings),
        Part::Scale => scale::sections(settings),
    }
}

/// Shows a section while the next one is measured.
fn tell(section: &Section) {
    eprintln!("\n{}", section.name);
    for figure in &section.figures {
        let reached = match figure.reached {
            Some(true) => "  reached",
            Some(false) => "  NOT REACHED",
            None => "",
        };
        let value = &figure.value;
        eprintln!(
            "  {:<70} {:>11.3} {} ({:.3} – {:.3}){reached}",
            figure.what, value.median, figure.unit, value.min, value.max
        );
    }
    section.left_out.iter().for_each(|left_out| eprintln!("  left out: {left_out}"));
}

fn write(out: &Path, report: &Report) -> Result<()> {
    std::fs::create_dir_all(out).with_context(|| format!("make {}", out.display()))?;
    let put = |name: &str, text: String| {
        let path = out.join(name);
        std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))
    };
    put("report.json", serde_json::to_string_pretty(report)?)?;
    put("report.html", html::page(report)?)?;
    eprintln!("\nthe report is {}", out.join("report.html").display());
    Ok(())
}
