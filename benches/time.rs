//! `cargo bench`: the time each piece of work takes.

use std::time::Instant;

use criterion::Criterion;
use turbomcp_benches::ALL;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for work in &ALL {
        let mut run = (work.prepare)();
        criterion.bench_function(work.name, |bencher| {
            bencher.iter_custom(|times| {
                let started = Instant::now();
                run(times);
                started.elapsed()
            });
        });
    }
    criterion.final_summary();
}
