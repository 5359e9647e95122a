// The keyboard, inside a player alone; and the keys of headsets and lock screens.

//: Seconds that an arrow key moves.
const STEP = 5;

// What a key does in a player, or null where it is the focused control's own.
function keyOf(event, slider, player) {
  const { target, key } = event;
  const { sound } = player;
  const isSlider = target === slider;
  const isOther = target.matches("select,input") && !isSlider;
  if (isOther) return null;
  const isButton = target.matches("button,a");
  const isRightToLeft = player.options.direction === "rtl";
  const by = (seconds) => () => player.seek(sound.time + seconds);
  const acts = {
    k: () => player.toggle(),
    j: by(-15),
    l: by(15),
    m: () => player.view.on.mute(),
    ArrowRight: by(isRightToLeft ? -STEP : STEP),
    ArrowLeft: by(isRightToLeft ? STEP : -STEP),
    Home: () => player.seek(0),
    End: () => player.seek(sound.reach),
    ...(isSlider && { ArrowUp: by(STEP), ArrowDown: by(-STEP), PageUp: by(15), PageDown: by(-15) }),
    ...(!isButton && { " ": () => player.toggle() }),
  };
  return acts[key.length === 1 ? key.toLowerCase() : key] || null;
}

const session = navigator.mediaSession;

// Some browsers do not know every action; the others are set all the same.
function handle(action, handler) {
  try {
    session.setActionHandler(action, handler);
  } catch {
    // not known here
  }
}

// The lock screen shows and steers this player.
function claimSession(player) {
  if (!session || typeof MediaMetadata !== "function") return;
  const title = player.view.title.textContent;
  session.metadata = new MediaMetadata({ title, artist: player.options.domain });
  const { sound } = player;
  const skip = (sign) => ({ seekOffset }) => player.seek(sound.time + sign * (seekOffset || 15));
  handle("play", () => player.play());
  handle("pause", () => sound.pause());
  handle("stop", () => sound.pause());
  handle("seekbackward", skip(-1));
  handle("seekforward", skip(1));
  handle("seekto", ({ seekTime }) => player.seek(seekTime));
}

function showSession(player) {
  if (sounding !== player || !session) return;
  session.playbackState = player.sound.isPlaying ? "playing" : "paused";
  const { time: position, length: duration } = player.sound;
  if (!duration || position > duration) return;
  session.setPositionState?.({ duration, position, playbackRate: player.speed });
}

function releaseSession() {
  if (!session) return;
  session.metadata = null;
  session.playbackState = "none";
  for (const action of ["play", "pause", "stop", "seekbackward", "seekforward", "seekto"]) {
    handle(action, null);
  }
}
