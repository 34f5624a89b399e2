//! Every example is started as a program of its own, and a conversation is held with it over its standard streams or
//! over HTTP.

mod asking;
mod auth;
mod child;
mod clients;
#[cfg(unix)]
mod configured;
mod ends;
mod environment;
mod failing;
mod http;
mod network;
mod oauth;
mod observed;
mod offers;
mod oidc;
mod production;
mod running;
mod stress;
mod tenants;
mod tls;
