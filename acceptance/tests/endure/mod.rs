//! Faults, floods and kills, repeated: a few times here, often with `make endure`, which prints the measurements.

mod faults;
mod load;
mod restarts;
