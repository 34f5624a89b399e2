//! The conversations, by theme.

pub mod asking;
pub mod calling;
pub mod cancelling;
pub mod connecting;
pub mod crowding;
pub mod ending;
pub mod failing;
pub mod guarding;
pub mod hearing;
pub mod listing;
pub mod reconnecting;
pub mod sizes;
pub mod stalling;
pub mod strangers;
pub mod subscribing;
