/** What was made for this key before, or else now: for as long as somebody has the key. */
export function remember<K extends object, V>(known: WeakMap<K, V>, key: K, make: () => V): V {
  const value = known.get(key) ?? make();
  known.set(key, value);
  return value;
}
