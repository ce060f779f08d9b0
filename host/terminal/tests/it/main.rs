//! The line discipline and the output filter, with a terminal emulator as the judge.

mod alphabet;
mod editing;
mod filter;
mod fuzz;
mod modes;
mod screen;
mod terminal;
