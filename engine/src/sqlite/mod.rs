//! Everything that touches a SQLite file: opening a source, streaming a snapshot, looking into an image, writing a restore. Live databases
//! are only ever opened through SQLite itself: opening and closing such a file by other means drops SQLite's locks in this process
//! (<https://www.sqlite.org/howtocorrupt.html>, 2.2).

pub mod inspect;
pub mod live;
pub mod location;
pub mod open;
pub mod replace;
pub mod snapshot;
pub mod unopenable;
