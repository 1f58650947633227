//! stub
use axum::{
    http::HeaderMap,
    response::{IntoResponse, Response},
};
/// s
pub struct Assets;
impl Assets {
    /// s
    pub fn load() -> Self {
        Self
    }
    /// s
    pub fn build(&self) -> &str {
        "dev"
    }
    /// s
    pub fn index(&self, _: &HeaderMap) -> Response {
        "index".into_response()
    }
    /// s
    pub fn asset(&self, _: &str, _: &str, _: &HeaderMap) -> Response {
        "x".into_response()
    }
}
