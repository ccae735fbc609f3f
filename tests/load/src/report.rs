//! The table, row by row as it is measured, and the figures for the charts.

use std::path::Path;
use std::time::Duration;

use crate::Result;
use crate::chart::{Bars, Lines};
use crate::measure::{Cpu, Latency, Leftovers, Memory, Times};
use crate::overload::Overload;

/// What has been measured so far.
#[derive(Default)]
pub(crate) struct Report {
    cpu: Vec<(&'static str, Cpu)>,
    memory: Memory,
    latency: Vec<(Latency, Latency)>,
}

fn row(what: &str, gateway: &str, other: &str, ratio: &str, target: &str) {
    println!("| {what} | {gateway} | {other} | {ratio} | {target} |");
}

fn megabytes(bytes: f64) -> String {
    format!("{:.1} MB", bytes / 1e6)
}

impl Report {
    /// Prints the header of the table.
    pub(crate) fn print_header(&self) {
        row("measured", "gateway", "compared with", "ratio", "target");
        row("---", "---", "---", "---", "---");
    }

    pub(crate) fn add_cpu(&mut self, what: &'static str, cpu: Cpu, target: f64) {
        let (ours, theirs) = (format!("{:.2} us", cpu.gateway), format!("{:.2} us, bare SDK", cpu.other));
        row(what, &ours, &theirs, &format!("{:.2}", cpu.ratio()), &format!("{target:.1}"));
        self.cpu.push((what, cpu));
    }

    pub(crate) fn add_gzip(&self, cpu: Cpu) {
        let (ours, theirs) = (format!("{:.2} us", cpu.gateway), format!("{:.2} us, client without gzip", cpu.other));
        row("CPU per event, client accepts gzip", &ours, &theirs, &format!("{:.2}", cpu.ratio()), "1.1");
    }

    pub(crate) fn add_telemetry(&self, unit: &str, cpu: Cpu) {
        let (ours, theirs) = (format!("{:.2} us", cpu.gateway), format!("{:.2} us, without telemetry", cpu.other));
        row(&format!("CPU per {unit}, all telemetry"), &ours, &theirs, &format!("{:.2}", cpu.ratio()), "1.1");
    }

    pub(crate) fn add_slow_calls(&self, (took, connections): (Duration, usize)) {
        let seconds = format!("{:.1} s", took.as_secs_f64());
        let what = "1,000 calls of 3 s, 100 streams per connection";
        row(what, &seconds, &format!("{connections} connections"), "", "3.3 s");
    }

    pub(crate) fn add_memory(&mut self, memory: Memory) {
        if let (Some(&(_, idle)), Some(&(streams, most))) = (memory.first(), memory.last()) {
            let each = (most as f64 - idle as f64) / streams as f64 / 1e3;
            let all = format!("{} ({each:.1} KB per stream)", megabytes(most as f64));
            let idle = format!("{} idle", megabytes(idle as f64));
            row(&format!("memory with {streams} open streams"), &all, &idle, "", "80 MB");
        }
        self.memory = memory;
    }

    pub(crate) fn add_leftovers(&self, left: &Leftovers) {
        let memory = format!("{:+.1} MB", left.memory as f64 / 1e6);
        let what = "after 10,000 mixed calls";
        row(&format!("{what}: streams, sockets"), &format!("{}, {}", left.streams, left.sockets), "", "", "0, 0");
        row(&format!("{what}: memory"), &memory, "after 5,000 before", "", "none");
        let took = format!("{} ms", left.shutdown.as_millis());
        row(&format!("{what}: shutdown"), &took, if left.in_order { "no call running" } else { "CALLS RAN" }, "", "");
        for (outcome, count) in &left.outcomes {
            row(&format!("&nbsp; {outcome}"), &count.to_string(), "", "", "");
        }
    }

    pub(crate) fn add_latency(&mut self, (ours, direct): (Latency, Latency)) {
        let Latency { streams, pace, .. } = ours;
        for (what, ours, theirs) in
            [("first event", ours.first, direct.first), ("each event", ours.event, direct.event)]
        {
            let times = |times: crate::measure::Times| format!("{:.2} ms, p99 {:.2}", times.median, times.p99);
            let what = format!("{what}, {streams} streams, one every {pace} ms");
            row(&what, &times(ours), &format!("{} direct", times(theirs)), "", "");
        }
        self.latency.push((ours, direct));
    }

    pub(crate) fn overload(&self, overload: &Overload) {
        let times = |times: Times| format!("{:.1} ms, p99 {:.1}", times.median, times.p99);
        let Overload { at_capacity, served_times, rejected_times, .. } = *overload;
        row("at capacity", &format!("{:.0} calls/s", overload.capacity), &times(at_capacity), "", "");
        let ratio = format!("{:.1}", served_times.p99 / at_capacity.p99);
        let what = "twice the capacity";
        row(
            &format!("{what}: served"),
            &format!("{:.0} calls/s", overload.served),
            &times(served_times),
            &ratio,
            "p99 at most 3x",
        );
        row(&format!("{what}: rejected"), &format!("{:.0} calls/s", overload.rejected), &times(rejected_times), "", "");
    }

    /// Writes the charts of what was measured.
    pub(crate) fn draw_charts(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder)?;
        if !self.cpu.is_empty() {
            let names = ["unary call", "event, all at once", "event, paced"];
            let bars = Bars {
                title: "CPU of the gateway and of a bare loop over the AWS SDK",
                unit: "SDK = 1",
                series: ["gateway", "bare SDK"],
                bars: self.cpu.iter().zip(names).map(|((_, cpu), name)| (name, [cpu.ratio(), 1.0])).collect(),
            };
            std::fs::write(folder.join("cpu.svg"), bars.draw())?;
        }
        if !self.memory.is_empty() {
            let points = self.memory.iter().map(|(streams, bytes)| (*streams as f64, *bytes as f64 / 1e6)).collect();
            let lines = Lines {
                title: "Resident memory",
                x: "open streams",
                unit: "MB",
                categories: None,
                series: vec![("gateway", points)],
            };
            std::fs::write(folder.join("memory.svg"), lines.draw())?;
        }
        type Pick = fn(&Latency) -> (f64, f64);
        let charts: [(&str, &str, Pick); 2] = [
            ("first-event.svg", "Time to the first event", |l| (l.first.median, l.first.p99)),
            ("event.svg", "Time of an event on its way", |l| (l.event.median, l.event.p99)),
        ];
        for (file, title, pick) in charts {
            if self.latency.is_empty() {
                continue;
            }
            let series = |of: fn(&(Latency, Latency)) -> &Latency, which: fn((f64, f64)) -> f64| {
                let values = self.latency.iter().map(|pair| which(pick(of(pair))));
                values.enumerate().map(|(index, value)| (index as f64, value)).collect::<Vec<_>>()
            };
            let lines = Lines {
                title,
                x: "streams",
                unit: "ms",
                categories: Some(self.latency.iter().map(|(ours, _)| ours.streams.to_string()).collect()),
                series: vec![
                    ("gateway, p99", series(|pair| &pair.0, |times| times.1)),
                    ("gateway, median", series(|pair| &pair.0, |times| times.0)),
                    ("without gateway, p99", series(|pair| &pair.1, |times| times.1)),
                    ("without gateway, median", series(|pair| &pair.1, |times| times.0)),
                ],
            };
            std::fs::write(folder.join(file), lines.draw())?;
        }
        Ok(())
    }
}
