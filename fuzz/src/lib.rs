//! Any bytes into every reader of Accord: no panic, no hang, no unbounded memory.

pub mod doors;
mod memory;

/// What comes before the first input. A panic ends the process, but one in a reader of others that is taken for a damaged
/// file: that is a refusal, here as in the command.
pub fn begin() {
    let ends = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !accord::intake::panic_is_of_a_file() {
            ends(panic);
        }
    }));
}
