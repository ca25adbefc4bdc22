//! The primary rules on the examples of the literature, and against readers who try everything.

mod bands;
mod lines;
mod magnitude;
mod quotients;
mod score;
mod wiring;
