//! Small pictures of numbers.

use super::html::Html;

const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 40.0;

/// Draws numbers as a line over an area, the newest at the right. The text says the same to those who do not see it.
pub(super) fn line(html: &mut Html, numbers: &[u32], text: &str) {
    html.raw("<svg class=\"spark\" viewBox=\"0 0 240 40\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"");
    html.text(text).raw("\">");
    if numbers.len() > 1 {
        let points = points(numbers);
        html.raw("<polygon points=\"0,40 ")
            .text(&points)
            .raw(" 240,40\"/><polyline points=\"")
            .text(&points)
            .raw("\"/>");
    }
    html.raw("</svg>");
}

fn points(numbers: &[u32]) -> String {
    let most = f64::from(numbers.iter().copied().max().unwrap_or(0).max(1));
    let step = WIDTH / (numbers.len() - 1) as f64;
    let point = |(at, number): (usize, &u32)| {
        // The line has a width of its own, which is to be seen at the top and at the bottom.
        let y = HEIGHT - 1.5 - f64::from(*number) / most * (HEIGHT - 3.0);
        format!("{:.1},{y:.1}", at as f64 * step)
    };
    numbers.iter().enumerate().map(point).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_number_is_at_the_top() {
        assert_eq!(points(&[0, 10, 5]), "0.0,38.5 120.0,1.5 240.0,20.0");
        assert_eq!(points(&[0, 0]), "0.0,38.5 240.0,38.5");
    }
}
