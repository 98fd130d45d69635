//! Start, operation and end of the controller.

mod locks;
mod removed;
mod signals;
mod stale;
mod waiting;
