//! Tools that return each kind of content.

use turbomcp::prelude::*;
use turbomcp::types::{AudioContent, ContentBlock, EmbeddedResource, ImageContent, ResourceContents};
use turbomcp::{Error, ToolError};

/// A PNG of one red pixel.
pub const PIXEL: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90wS\xde\
    \0\0\0\x0cIDATx\xdac\xf8\xcf\xc0\0\0\x03\x01\x01\0\xf7\x03AC\0\0\0\0IEND\xaeB`\x82";

/// A WAV of four silent samples.
const SILENCE: &[u8] = b"RIFF(\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0\
    data\x04\0\0\0\x80\x80\x80\x80";

/// Returns the picture that tools and prompts show.
pub fn pixel() -> ImageContent {
    ImageContent::from_bytes(PIXEL, "image/png")
}

/// Returns a text.
#[tool]
fn test_simple_text() -> &'static str {
    "This is a simple text response for testing."
}

/// Returns an image.
#[tool]
fn test_image_content() -> ImageContent {
    pixel()
}

/// Returns a sound.
#[tool]
fn test_audio_content() -> AudioContent {
    AudioContent::from_bytes(SILENCE, "audio/wav")
}

/// Returns a resource.
#[tool]
fn test_embedded_resource() -> EmbeddedResource {
    let text = "This is an embedded resource content.";
    EmbeddedResource::new(ResourceContents::text("test://embedded-resource", text).with_mime_type("text/plain"))
}

/// Returns a text, an image and a resource.
#[tool]
fn test_multiple_content_types() -> Vec<ContentBlock> {
    let json = ResourceContents::text("test://mixed-content-resource", r#"{"test":"data","value":123}"#);
    vec![
        ContentBlock::text("Multiple content types test:"),
        pixel().into(),
        ContentBlock::resource(json.with_mime_type("application/json")),
    ]
}

/// Fails, with a text for the model.
#[tool]
fn test_error_handling() -> Result<String, ToolError> {
    Err(ToolError::new("This tool intentionally returns an error for testing"))
}

/// Registers the tools of this file.
pub fn tools(builder: ServerBuilder) -> Result<ServerBuilder, Error> {
    builder
        .tool("test_simple_text", test_simple_text_tool())?
        .tool("test_image_content", test_image_content_tool())?
        .tool("test_audio_content", test_audio_content_tool())?
        .tool("test_embedded_resource", test_embedded_resource_tool())?
        .tool("test_multiple_content_types", test_multiple_content_types_tool())?
        .tool("test_error_handling", test_error_handling_tool())
}
