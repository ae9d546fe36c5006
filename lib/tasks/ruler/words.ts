/** Words that keys and lists of RULER are made of: lower case, ASCII. */
import type { Dice } from "../dice.ts";

export const NOUNS: readonly string[] = (
  "acorn anchor apple apron arrow atlas badge bakery balcony barrel basin basket beacon beetle bell bench blanket board bonnet " +
  "bottle bramble branch brass bread brick bridge brook broom bucket buckle bundle butter button cabin cable candle canvas " +
  "carpet castle cedar cellar chain chair chalk chapel cherry chest chimney cider circle clay cliff cloak clock cloud clover " +
  "coach coast cobweb collar comet compass copper cork cotton cottage cradle crane crown cupboard curtain cushion dagger " +
  "daisy desk dial dove drawer drum dune eagle easel ember engine falcon farm fern ferry fiddle field flag flute forge fork " +
  "fossil fountain frame frost gallery garden gate glacier glove goblet grain granite grape gravel hammer harbor harp hazel " +
  "hedge helmet heron hinge honey hook horn hull inkwell iron island ivory ivy jacket jar jewel jug kernel kettle kite ladder " +
  "lagoon lamp lantern lark lattice laurel leaf ledge lemon lever lichen lily linen lock locket loom lute magnet mantle maple " +
  "marble market mast meadow melon mill mirror mitten moon mortar moss mountain needle nest nettle oak oar oat olive onion " +
  "orchard otter oven owl paddle panel parcel parlor parsley path pebble pendant pepper petal pewter piano pillar pillow pine " +
  "pipe pitcher plank plaster plough plum pocket pond poplar porch pottery prism pulley puzzle quarry quartz quill quilt raft " +
  "rail ribbon ridge river robin rocket rope rose rudder saddle saffron sail salmon sandal satchel saucer scarf school shawl " +
  "shell shelf shovel shutter sickle sieve silk silver slate sleigh sparrow spindle spire spoon spruce stable stair statue " +
  "stove straw stream sugar summit table tailor tapestry teapot temple thimble thistle thread tile timber tinder torch tower " +
  "trellis tulip tunnel turnip turtle valley vase velvet violet violin wagon wall walnut water wheat wheel whistle willow " +
  "window wool wren yarn"
).split(" ");

export const ADJECTIVES: readonly string[] = (
  "able amber ancient arctic ashen autumn awake azure bare bitter blank bold brave brief bright brisk broad bronze calm careful " +
  "cheerful chilly clear clever coastal cold common cool coral crimson crisp curious curved damp dark dear deep distant dry " +
  "dusty eager early eastern elder empty even faint fair famous fancy faraway fast fertile festive fierce fine firm flat " +
  "fluent foreign formal fragile fresh frosty gentle giant glad golden graceful grand grassy grateful great green handsome " +
  "happy hardy harvest hasty heavy hidden high hollow honest humble icy idle jolly keen kind large late lazy lean light little " +
  "lively lone long loud loyal lucky mellow mighty mild misty modest narrow native neat nimble noble northern odd old opal " +
  "open orange pale patient plain polite proud quick quiet rapid rare ready regal rich rough round royal rural rusty scarlet " +
  "secret serene shady sharp shiny short shy simple slender slow small smooth snowy soft solemn solid southern spare steady " +
  "steep stern still stout strong sturdy sunny sweet swift tall tame tender thick thin tidy tiny tranquil upper urban useful " +
  "vast vivid warm western wide wild windy winter wise wooden young"
).split(" ");

/** An adjective and a noun with a hyphen between them, as in `quiet-lantern`. */
export const PAIRS = ADJECTIVES.length * NOUNS.length;

export function pair(number: number): string {
  return `${ADJECTIVES[Math.floor(number / NOUNS.length)]}-${NOUNS[number % NOUNS.length]}`;
}

/** Different words that nobody has heard, of five letters and easily said: none is a part of another. */
export function soundWords(dice: Dice, count: number): string[] {
  return different(
    count,
    () => [CONSONANTS, VOWELS, CONSONANTS, VOWELS, ENDINGS].map((set) => dice.pick(set)).join(""),
  );
}

const VOWELS = [..."aeiou"], CONSONANTS = [..."bdfghjklmnprstvwz"], ENDINGS = [..."dklmnprstx"];

/** @param make  Has many more outcomes than are wanted. */
export function different(count: number, make: () => string): string[] {
  const found = new Set<string>();
  while (found.size < count) found.add(make());
  return [...found];
}
