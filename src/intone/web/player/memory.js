// What a browser remembers for its reader, and never tells anyone: the places, and the speed.

const PLACES = "intone:places";
const SPEED = "intone:speed";
const MOST_PLACES = 100;

// Storage may be full, forbidden or absent: then nothing is remembered, and nothing breaks.
function recall(key, fallback) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? fallback;
  } catch {
    return fallback;
  }
}

function keep(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // see above
  }
}

const places = () => {
  const kept = recall(PLACES, []);
  return Array.isArray(kept) ? kept.filter(Array.isArray) : [];
};

// The second at which the reader left a post, or 0.
function placeIn(post) {
  const found = places().find(([key]) => key === post);
  return Number(found?.[1]) || 0;
}

// Keeps the place in a post, newest first; 0 forgets it.
function keepPlace(post, second) {
  const others = places().filter(([key]) => key !== post);
  const mine = second > 0 ? [[post, Math.round(second * 10) / 10]] : [];
  keep(PLACES, [...mine, ...others].slice(0, MOST_PLACES));
}
