// The mood of the music as a point on the circumplex: pleasant to the right, excited upwards, with its trail, the
// spread over listeners around it, and a ring that opens as notes begin.
//
// It needs the library oscP5 (Sketch, Import Library, Manage Libraries). Run it, and beside it
//   moodring demo --osc 127.0.0.1:9000

import oscP5.*;

final int PORT = 9000;
final int TRAIL = 240;

OscP5 osc;

// Written by the thread of oscP5, drawn by Processing's.
volatile float valence, arousal, valenceStd, arousalStd, hue, confidence;
volatile String state = "nothing has arrived yet";
volatile boolean isStruck;

float[] trailX = new float[TRAIL], trailY = new float[TRAIL];
float ring;

void setup() {
  size(800, 800);
  frameRate(60);
  colorMode(HSB, 1);
  ellipseMode(RADIUS);
  textAlign(CENTER, CENTER);
  textSize(20);
  osc = new OscP5(this, PORT);
}

void oscEvent(OscMessage message) {
  String address = message.addrPattern();
  if (address.equals("/moodring/valence")) valence = message.get(0).floatValue();
  else if (address.equals("/moodring/arousal")) arousal = message.get(0).floatValue();
  else if (address.equals("/moodring/valence/std")) valenceStd = message.get(0).floatValue();
  else if (address.equals("/moodring/arousal/std")) arousalStd = message.get(0).floatValue();
  else if (address.equals("/moodring/hue")) hue = message.get(0).floatValue();
  else if (address.equals("/moodring/confidence")) confidence = message.get(0).floatValue();
  else if (address.equals("/moodring/state")) state = message.get(0).stringValue();
  else if (address.equals("/moodring/onset")) isStruck = true;
}

void draw() {
  float half = min(width, height) * 0.42;
  float x = width / 2.0 + valence * half;
  float y = height / 2.0 - arousal * half;
  boolean isLive = state.equals("live");

  background(hue, 0.5, isLive ? 0.18 : 0.08);
  stroke(0, 0, 1, 0.25);
  strokeWeight(1);
  line(width / 2.0 - half, height / 2.0, width / 2.0 + half, height / 2.0);
  line(width / 2.0, height / 2.0 - half, width / 2.0, height / 2.0 + half);

  int newest = frameCount % TRAIL;
  trailX[newest] = x;
  trailY[newest] = y;
  noStroke();
  for (int age = 1; age < min(frameCount, TRAIL); age++) {
    int at = (newest - age + TRAIL) % TRAIL;
    fill(hue, 0.7, 1, 0.5 * (1 - age / (float) TRAIL));
    circle(trailX[at], trailY[at], 4);
  }

  fill(hue, 0.7, 1, 0.15);
  ellipse(x, y, valenceStd * half, arousalStd * half);

  if (isStruck) {
    isStruck = false;
    ring = 1;
  }
  ring *= 0.93;
  noFill();
  stroke(hue, 0.3, 1, ring);
  strokeWeight(2);
  circle(x, y, 14 + 50 * (1 - ring));

  noStroke();
  fill(hue, 0.7, isLive ? 0.4 + 0.6 * confidence : 0.4);
  circle(x, y, 14);
  fill(0, 0, 1, 0.8);
  text(state, width / 2.0, height - 24);
}
