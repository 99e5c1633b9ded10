//! A treemap of a build as one SVG file: areas are bytes, boxes within boxes are components, objects, symbols.
//!
//! Boxes are laid out by the squarified method (Bruls, Huizing, van Wijk 2000): rows along the shorter side,
//! each as long as that makes its boxes squarer. It needs nothing but a browser; pointing at a box names it.

use std::fmt::Write as _;

use super::breakdown::{Breakdown, Object};
use super::report::component;
use super::{Item, Report};
use crate::report::grouped;

/// The drawing's size.
const WIDTH: f64 = 1600.0;
const HEIGHT: f64 = 1000.0;
/// Above everything, for the title.
const TITLE: f64 = 34.0;
/// Above the boxes in a box, for its name.
const HEAD: f64 = 15.0;
/// Around the boxes in a box.
const MARGIN: f64 = 1.5;
/// Boxes that are narrower or lower than this are not drawn.
const LEAST: f64 = 2.0;
/// About the width of a letter, in parts of the letters' size.
const LETTER: f64 = 0.62;
/// A name of which fewer letters can be shown is left out.
const LETTERS: usize = 5;

/// A box: what it is, and what is in it.
#[derive(Clone, Debug, PartialEq)]
struct Node {
    name: String,
    bytes: u64,
    parts: Vec<Node>,
}

/// A place in the drawing.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Area {
    x: f64,
    y: f64,
    w: f64,
    h: f64,
}

/// The SVG document for the build called `name`.
#[must_use]
pub fn draw(name: &str, report: &Report, breakdown: &Breakdown) -> String {
    let root = tree(report, breakdown);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\">\n\
         <style>rect{{stroke:#fff;stroke-width:.4}}rect:hover{{stroke:#000;stroke-width:1.5}}\
         text{{pointer-events:none}}</style>\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n\
         <text x=\"8\" y=\"23\" font-size=\"18\">{}</text>\n",
        escaped(&format!(
            "{name}: {} bytes of kernel code and constants, {} bytes of root file system, {} bytes as flashed",
            grouped(report.kernel_code_bytes),
            grouped(report.rootfs_bytes),
            grouped(report.firmware_bytes)
        ))
    );
    let area = Area { x: 0.0, y: TITLE, w: WIDTH, h: HEIGHT - TITLE };
    let sizes: Vec<u64> = root.parts.iter().map(|part| part.bytes).collect();
    for (index, (part, area)) in root.parts.iter().zip(squarify(&sizes, area)).enumerate() {
        // Neighbours in the list are far apart on the colour wheel.
        let pen = Pen { hue: (index as f64 * 137.508) % 360.0, whole: root.bytes };
        pen.draw(&mut svg, part, area, 0, "");
    }
    svg + "</svg>\n"
}

/// The build as boxes: components with their objects with their symbols, and the root file system's files.
fn tree(report: &Report, breakdown: &Breakdown) -> Node {
    let mut parts: Vec<Node> = Vec::new();
    for object in &breakdown.objects {
        let name = component(&object.name);
        let node = object_node(object);
        match parts.iter_mut().find(|part| part.name == name) {
            Some(part) => {
                part.bytes += node.bytes;
                part.parts.push(node);
            }
            None => parts.push(Node { name, bytes: node.bytes, parts: vec![node] }),
        }
    }
    let files: Vec<Node> = report.rootfs_files.iter().map(leaf).collect();
    parts.push(Node {
        name: "root file system".to_owned(),
        bytes: files.iter().map(|file| file.bytes).sum(),
        parts: files,
    });
    parts.sort_by_key(|part| std::cmp::Reverse(part.bytes));
    Node { name: String::new(), bytes: parts.iter().map(|part| part.bytes).sum(), parts }
}

fn object_node(object: &Object) -> Node {
    let mut parts: Vec<Node> = object.symbols.iter().map(leaf).collect();
    let rest = Node { name: "(rest)".to_owned(), bytes: object.rest(), parts: Vec::new() };
    let at = parts.partition_point(|part| part.bytes > rest.bytes);
    parts.insert(at, rest);
    let name = object.name.rsplit('/').next().unwrap_or(&object.name).to_owned();
    Node { name, bytes: object.bytes, parts }
}

fn leaf(item: &Item) -> Node {
    Node { name: item.name.clone(), bytes: item.bytes, parts: Vec::new() }
}

/// What a component is drawn with.
struct Pen {
    hue: f64,
    whole: u64,
}

impl Pen {
    fn draw(&self, svg: &mut String, node: &Node, area: Area, depth: usize, above: &str) {
        if area.w < LEAST || area.h < LEAST {
            return;
        }
        let Area { x, y, w, h } = area;
        let path = if above.is_empty() { node.name.clone() } else { format!("{above} › {}", node.name) };
        let share = node.bytes as f64 * 100.0 / self.whole.max(1) as f64;
        let light = [52, 72, 86][depth.min(2)];
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" fill=\"hsl({:.0},55%,{light}%)\">\
             <title>{}: {} bytes, {share:.2} %</title></rect>",
            self.hue,
            escaped(&path),
            grouped(node.bytes)
        );
        let inner = Area { x: x + MARGIN, y: y + HEAD, w: w - 2.0 * MARGIN, h: h - HEAD - MARGIN };
        let opens = !node.parts.is_empty() && inner.w > 6.0 && inner.h > 6.0;
        let size = if depth == 0 { 12.0 } else { 10.0 };
        let label = label(&node.name, ((w - 6.0) / (size * LETTER)).max(0.0) as usize);
        if h >= HEAD - 2.0 && !label.is_empty() {
            let fill = if depth == 0 { "#fff" } else { "#222" };
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"{size}\" fill=\"{fill}\">{}</text>",
                x + 3.0,
                y + HEAD - 4.0,
                escaped(&label)
            );
        }
        if opens {
            let sizes: Vec<u64> = node.parts.iter().map(|part| part.bytes).collect();
            for (part, area) in node.parts.iter().zip(squarify(&sizes, inner)) {
                self.draw(svg, part, area, depth + 1, &path);
            }
        }
    }
}

/// `name` in at most `room` letters: of a path in Rust the end, which tells most. Nothing if that is too few.
fn label(name: &str, room: usize) -> String {
    let name = name.rsplit("::").next().unwrap_or(name);
    let letters = name.chars().count();
    match room {
        _ if letters <= room => name.to_owned(),
        LETTERS.. => name.chars().take(room - 1).chain(['…']).collect(),
        _ => String::new(),
    }
}

/// Areas within `area` for `sizes`, which are in descending order, as large as these and as square as may be.
fn squarify(sizes: &[u64], area: Area) -> Vec<Area> {
    let whole: f64 = sizes.iter().map(|&size| size as f64).sum();
    let scale = if whole > 0.0 { area.w.max(0.0) * area.h.max(0.0) / whole } else { 0.0 };
    let mut rest = area;
    let mut areas = Vec::with_capacity(sizes.len());
    let mut from = 0;
    while from < sizes.len() {
        let side = rest.w.min(rest.h);
        let mut to = from + 1;
        while to < sizes.len()
            && worst(&sizes[from..=to], side, scale) <= worst(&sizes[from..to], side, scale)
        {
            to += 1;
        }
        rest = lay(&sizes[from..to], rest, scale, &mut areas);
        from = to;
    }
    areas
}

/// How far the least square box of a row along `side` is from a square: 1 is one.
fn worst(row: &[u64], side: f64, scale: f64) -> f64 {
    let sum: f64 = row.iter().map(|&size| size as f64 * scale).sum();
    let ratio = |size: f64| match size > 0.0 && sum > 0.0 && side > 0.0 {
        true => (side * side * size / (sum * sum)).max(sum * sum / (side * side * size)),
        false => f64::INFINITY,
    };
    // The largest and the smallest are the extremes.
    let ends = [row.first(), row.last()];
    ends.into_iter().flatten().map(|&size| ratio(size as f64 * scale)).fold(0.0, f64::max)
}

/// Lays one row along the shorter side of `rest`; returns what is left of it.
fn lay(row: &[u64], rest: Area, scale: f64, areas: &mut Vec<Area>) -> Area {
    let sum: f64 = row.iter().map(|&size| size as f64 * scale).sum();
    let upright = rest.w >= rest.h;
    let side = if upright { rest.h } else { rest.w };
    let thick = if side > 0.0 { sum / side } else { 0.0 };
    let mut along = 0.0;
    for &size in row {
        let length = if thick > 0.0 { size as f64 * scale / thick } else { 0.0 };
        areas.push(match upright {
            true => Area { x: rest.x, y: rest.y + along, w: thick, h: length },
            false => Area { x: rest.x + along, y: rest.y, w: length, h: thick },
        });
        along += length;
    }
    match upright {
        true => Area { x: rest.x + thick, w: (rest.w - thick).max(0.0), ..rest },
        false => Area { y: rest.y + thick, h: (rest.h - thick).max(0.0), ..rest },
    }
}

/// As text in XML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::breakdown::tests::planted;
    use super::*;

    const AREA: Area = Area { x: 10.0, y: 20.0, w: 600.0, h: 400.0 };

    #[test]
    fn areas_are_as_the_sizes_and_do_not_overlap() {
        let sizes = [6, 6, 4, 3, 2, 2, 1];
        let areas = squarify(&sizes, AREA);
        let unit = 600.0 * 400.0 / 24.0;
        for (size, area) in sizes.iter().zip(&areas) {
            assert!((area.w * area.h - *size as f64 * unit).abs() < 1e-6, "{area:?}");
            assert!(area.w / area.h < 4.0 && area.h / area.w < 4.0, "{area:?} is no square");
            assert!(area.x >= 10.0 - 1e-9 && area.y >= 20.0 - 1e-9, "{area:?}");
            assert!(area.x + area.w <= 610.0 + 1e-6 && area.y + area.h <= 420.0 + 1e-6, "{area:?}");
        }
        for (index, a) in areas.iter().enumerate() {
            for b in &areas[index + 1..] {
                let apart = a.x + a.w <= b.x + 1e-6
                    || b.x + b.w <= a.x + 1e-6
                    || a.y + a.h <= b.y + 1e-6
                    || b.y + b.h <= a.y + 1e-6;
                assert!(apart, "{a:?} and {b:?}");
            }
        }
    }

    #[test]
    fn labels_fit() {
        let cases = [
            ("dev.o", 20, "dev.o"),
            ("linnet_core::tcp::input::handle", 20, "handle"),
            ("__dev_queue_xmit", 8, "__dev_q…"),
            ("__dev_queue_xmit", 4, ""),
            ("gc.o", 4, "gc.o"),
        ];
        for (name, room, expected) in cases {
            assert_eq!(label(name, room), expected, "{name} in {room}");
        }
    }

    #[test]
    fn nothing_is_laid_out_as_nothing() {
        assert!(squarify(&[], AREA).is_empty());
        for areas in [squarify(&[0, 0], AREA), squarify(&[5, 0], Area { w: 0.0, ..AREA })] {
            assert!(areas.iter().all(|area| area.w.is_finite() && area.h.is_finite()), "{areas:?}");
        }
    }

    #[test]
    fn the_drawing_has_every_level_and_stands_alone() {
        let report = Report {
            rootfs_files: vec![Item { name: "bin/<busy>box".into(), bytes: 300 }],
            kernel_code_bytes: 590,
            ..Report::default()
        };
        let svg = draw("qemu-pc-minimal", &report, &planted());
        for part in [
            "qemu-pc-minimal: 590 bytes of kernel code",
            "<title>net/core: 440 bytes, 49.44 %</title>",
            "<title>net/core › dev.o › __dev_queue_xmit: 200 bytes",
            "<title>net/core › dev.o › (rest): 80 bytes",
            "<title>root file system › bin/&lt;busy&gt;box: 300 bytes",
        ] {
            assert!(svg.contains(part), "{part} is not in:\n{svg}");
        }
        assert!(svg.starts_with("<svg xmlns") && svg.ends_with("</svg>\n"));
        assert!(!svg.contains("href") && !svg.contains("<script"), "nothing from elsewhere");
        assert_eq!(svg.matches("<rect").count(), svg.matches("</title></rect>").count() + 1);
    }
}
