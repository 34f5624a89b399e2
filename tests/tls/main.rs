//! TLS beneath the bindings that have it, with certificates of authorities that exist for the length of a test.

mod authority;
mod clients;
mod configuration;
mod handshakes;
mod hosts;
mod principals;
mod reload;
mod site;
mod strangers;
mod upgrades;
mod versions;
