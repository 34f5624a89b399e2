//! TLS beneath the bindings that have it, with certificates of authorities that exist for the length of a test.

mod authority;
mod clients;
mod compression;
mod configuration;
mod handshakes;
mod hangup;
mod hosts;
mod limits;
mod listener;
mod metrics;
mod ocsp;
mod operator;
mod pins;
mod principals;
mod reload;
mod site;
mod staples;
mod strangers;
mod upgrades;
mod versions;
mod warnings;
