// The few functions of p5.js that examples/p5_circumplex.html calls, for a test that has no p5.js at hand. Not p5.js: it
// shows that the page asks for what p5.js has, in its order of arguments, as far as this file is right about that.
"use strict";
window.p5 = {};
const CENTER = "center";
let width = 0, height = 0, pen = null, fills = true, strokes = true;
Object.defineProperty(window, "windowWidth", {get: () => innerWidth});
Object.defineProperty(window, "windowHeight", {get: () => innerHeight});
function resizeCanvas(w, h) { pen.canvas.width = width = w; pen.canvas.height = height = h; }
function createCanvas(w, h) {
  pen = document.body.appendChild(document.createElement("canvas")).getContext("2d");
  resizeCanvas(w, h);
}
function background(color) { pen.fillStyle = color; pen.fillRect(0, 0, width, height); }
function fill(color) { fills = true; pen.fillStyle = color; }
function noFill() { fills = false; }
function stroke(color) { strokes = true; pen.strokeStyle = color; }
function noStroke() { strokes = false; }
function strokeWeight(weight) { pen.lineWidth = weight; }
function paint() { if (fills) pen.fill(); if (strokes) pen.stroke(); }
function ellipse(x, y, w, h) { pen.beginPath(); pen.ellipse(x, y, w / 2, h / 2, 0, 0, 2 * Math.PI); paint(); }
function circle(x, y, diameter) { ellipse(x, y, diameter, diameter); }
function line(x1, y1, x2, y2) { pen.beginPath(); pen.moveTo(x1, y1); pen.lineTo(x2, y2); if (strokes) pen.stroke(); }
function textAlign(across, up) { pen.textAlign = across; pen.textBaseline = up === CENTER ? "middle" : up; }
function textSize(size) { pen.font = `${size}px sans-serif`; }
function text(words, x, y) { pen.fillText(words, x, y); }
function lerp(from, to, share) { return from + (to - from) * share; }
function min(...values) { return Math.min(...values); }
addEventListener("load", () => {
  setup();
  const frame = () => { draw(); requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
});
addEventListener("resize", () => windowResized());
