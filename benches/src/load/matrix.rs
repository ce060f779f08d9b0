//! Every kind of command, from few and many tenants, over few and many connections.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::{Bench, command, prepare};
use crate::generator::{Answered, Asked, Load, run};
use crate::report::{Line, Plot, Section};
use crate::server::Member;
use crate::stats::Spread;

/// A kind of load: the section's title, and its commands, taken in turn.
struct Kind {
    title: &'static str,
    commands: &'static [(&'static str, &'static [&'static str])],
}

const HELLO: (&str, &[&str]) = ("hello", &[]);
const CPU: (&str, &[&str]) = ("busy", &["5"]);
const FILES: (&str, &[&str]) = ("ls", &["/"]);
const FLOOD: (&str, &[&str]) = ("flood", &["stdout", "262144"]);

const KINDS: [Kind; 5] = [
    Kind { title: "Short commands over HTTP, by tenants and connections", commands: &[HELLO] },
    Kind { title: "CPU-bound commands over HTTP, by tenants and connections", commands: &[CPU] },
    Kind { title: "File-bound commands over HTTP, by tenants and connections", commands: &[FILES] },
    Kind { title: "Floods of output over HTTP, by tenants and connections", commands: &[FLOOD] },
    Kind {
        title: "Mixed commands over HTTP, by tenants and connections",
        commands: &[HELLO, CPU, FILES, FLOOD],
    },
];
const ABOUT: &str = "Tenants in turn, each with its own token, deployments, directory and log. Short: hello. CPU-bound: about 5 ms of computing. \
     File-bound: lists the tenant's directory. Flood: 256 KiB of output, all of it logged and answered. Mixed: these in turn. \
     Throughput: each connection asks again when it was answered. Latency: at half of that, counted from when a request was due.";

impl Bench<'_> {
    /// A section for each kind.
    pub(super) fn matrix(&self) -> Result<Vec<Section>> {
        let mut sections: Vec<_> = KINDS.iter().map(|kind| Section::new(kind.title, ABOUT)).collect();
        let connections = self.settings.pick(&[4][..], &[1, 16, 64]);
        let mut points = vec![vec![Vec::new(); connections.len()]; KINDS.len()];
        let mut members = vec![self.member.clone()];
        for count in self.settings.pick(&[1, 3][..], &[1, 100, 1_000]) {
            while members.len() < *count {
                let slug = format!("t{:05}", members.len());
                members.push(self.io.block_on(prepare(self.server, self.settings, &slug))?);
            }
            for ((kind, section), points) in KINDS.iter().zip(&mut sections).zip(&mut points) {
                let requests = requests(kind, &members);
                if *count == 1 {
                    self.prove(kind)?;
                }
                // Once, so that the commands are compiled and every tenant is known.
                self.load_for(requests.clone(), connections[0], None)?;
                for (connections, points) in connections.iter().zip(points) {
                    let name = format!("{count} tenants, {connections} connections");
                    let rate = self.cell(section, &name, &requests, *connections)?;
                    points.push((*count as f64, rate));
                }
            }
        }
        for (section, points) in sections.iter_mut().zip(points) {
            let line = |(connections, points): (&usize, Vec<_>)| Line {
                name: format!("{connections} connections"),
                points,
            };
            let lines = connections.iter().zip(points).map(line).collect();
            let title = "Throughput by tenants".to_owned();
            section.plots.push(Plot { title, x: "tenants", y: "runs a second", lines });
        }
        Ok(sections)
    }

    /// The commands do what they should: a load of guests that fail is fast, and answered as well.
    fn prove(&self, kind: &Kind) -> Result<()> {
        for (name, args) in kind.commands {
            let answer = self.io.block_on(self.server.run(self.member, name, args))?;
            let outcome = &answer["data"]["outcome"];
            ensure!(
                outcome["kind"] == "exited" && outcome["exit_code"] == 0,
                "{name} ended otherwise: {outcome}"
            );
        }
        Ok(())
    }

    /// One number of tenants over one number of connections; the throughput.
    fn cell(&self, section: &mut Section, name: &str, requests: &[Asked], connections: usize) -> Result<f64> {
        let full = self.load_for(requests.to_vec(), connections, None)?;
        section.figure(format!("{name}: throughput"), "/s", Spread::one(full.rate()));
        if full.refused > 0 {
            section.figure(format!("{name}: refused"), "requests", Spread::one(full.refused as f64));
        }
        let paced = self.load_for(requests.to_vec(), connections, Some(full.rate() / 2.0))?;
        for (part, title) in [(0.5, "p50"), (0.99, "p99")] {
            section.figure(format!("{name}: {title} at half of it"), "µs", Spread::one(paced.us(part)));
        }
        Ok(full.rate())
    }

    /// As [`Bench::load`], for as long as one of many cells may take.
    fn load_for(&self, requests: Vec<Asked>, connections: usize, rate: Option<f64>) -> Result<Answered> {
        let span = Duration::from_millis(self.settings.pick(150, 2_000));
        run(Load { address: self.address, requests, connections, span, rate })
    }
}

/// The commands of a kind, of all tenants in turn.
fn requests(kind: &Kind, members: &[Member]) -> Vec<Asked> {
    let of = |member| kind.commands.iter().map(move |(name, args)| command(member, name, args));
    members.iter().flat_map(of).collect()
}
