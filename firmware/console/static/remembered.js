// Choices that this browser remembers; one that lets nothing be remembered works, too.

/** A remembered choice, or null. */
export function recall(name) {
  try {
    return localStorage.getItem(`scanside-${name}`);
  } catch {
    return null;
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(`scanside-${name}`, value);
  } catch {
    // the choice holds until the page is left
  }
}
