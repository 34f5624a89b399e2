//! Every example is started as a program of its own, and a conversation is held with it over its standard streams.

mod asking;
mod child;
mod ends;
mod failing;
mod offers;
mod running;
mod stress;
