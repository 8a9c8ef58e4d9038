import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  type ParsedNode,
  parseDocument,
  visit,
  type YAMLError,
  type YAMLMap,
} from 'yaml';

/** Lines and columns count from 1. */
export interface TextPosition {
  readonly line: number;
  readonly column: number;
}

export interface TextFault extends TextPosition {
  readonly message: string;
}

/** A YAML text with its value and the place of everything in it. */
export interface YamlSource {
  /** Plain objects, arrays and scalars; undefined when the text cannot be read as YAML at all. */
  readonly value: unknown;
  /** Faults of the text itself. Where they leave the structure in doubt, `value` is undefined. */
  readonly faults: readonly TextFault[];
  /** Place of the value at `steps`, or of the nearest thing above it that exists. */
  valuePosition(steps: readonly string[]): TextPosition;
  /** Place of the last key of `steps`, or of the nearest key above it that exists. */
  keyPosition(steps: readonly string[]): TextPosition;
}

export interface YamlOptions {
  /** `text` leaves every scalar as it is written: `0123`, `1e3` and `yes` stay texts. */
  readonly scalars: 'typed' | 'text';
}

/** Enough for an anchor that every task uses; a bound on aliases of aliases of aliases. */
const MAX_ALIASES = 20_000;

// The library's own wording can quote the source, which may hold a secret.
const WORDING: Partial<Record<YAMLError['code'], string>> = {
  ALIAS_PROPS: 'an alias cannot have an anchor or a tag',
  BAD_ALIAS: 'the alias has no valid name',
  BAD_DIRECTIVE: 'this %-directive is not valid',
  BAD_DQ_ESCAPE: 'a \\-escape in the double-quoted text is not valid',
  BAD_INDENT:
    'the indentation does not fit the lines around it, or a bracket before it is not closed',
  BAD_PROP_ORDER: 'anchors and tags must stand after the indicators on the line',
  BAD_SCALAR_START: 'an unquoted text cannot start with this character; quote it',
  BLOCK_AS_IMPLICIT_KEY: 'a nested block cannot start on the line of its key',
  BLOCK_IN_FLOW: 'an indented block cannot stand inside [ ] or { }',
  KEY_OVER_1024_CHARS: 'a key is longer than 1024 characters',
  MISSING_CHAR: 'a character is missing here: a quote, a bracket, a comma, a colon or a space',
  MULTILINE_IMPLICIT_KEY: 'a key must stand on one line, with a colon after it',
  MULTIPLE_ANCHORS: 'a value can have one anchor only',
  MULTIPLE_DOCS: 'the file must hold one YAML document',
  MULTIPLE_TAGS: 'a value can have one tag only',
  NON_STRING_KEY: 'a key must be a text',
  TAB_AS_INDENT: 'a tab cannot indent; use spaces',
  TAG_RESOLVE_FAILED: 'tags are not accepted; write the plain value',
  UNEXPECTED_TOKEN: 'this cannot stand here',
};

const explain = (error: YAMLError): string => WORDING[error.code] ?? 'this is not valid YAML';

/** This leaves no doubt about what the rest of the text says. */
const isHarmless = (error: YAMLError): boolean => error.code === 'TAG_RESOLVE_FAILED';

const keyText = (pair: Pair): string =>
  String(isScalar(pair.key) ? pair.key.value : (pair.key ?? ''));

interface TextProblem {
  readonly offset: number;
  readonly message: string;
}

type AliasTargets = WeakMap<Alias, Node>;

/**
 * Finds what each alias stands for in one pass; the library looks through the
 * whole document for each. Refuses those that name nothing, and those that
 * would make a value contain itself.
 */
const resolveAliases = (
  document: Document,
): { readonly targets: AliasTargets; readonly bad: readonly TextProblem[] } => {
  const anchors = new Map<string, Node>();
  const targets: AliasTargets = new WeakMap();
  const bad: TextProblem[] = [];
  visit(document, {
    Node: (_key, node, ancestors) => {
      if (!isAlias(node)) {
        if (node.anchor !== undefined) anchors.set(node.anchor, node);
        return;
      }
      const target = anchors.get(node.source);
      const offset = node.range?.[0] ?? 0;
      if (target === undefined)
        bad.push({ offset, message: 'no anchor of this name stands above' });
      else if (ancestors.includes(target))
        bad.push({ offset, message: 'the alias makes the value contain itself' });
      else targets.set(node, target);
    },
  });
  return { targets, bad };
};

interface Place {
  readonly key: unknown;
  readonly value: unknown;
}

/** What a look-up needs beside the document, so that many of them take no longer than one pass. */
interface DocumentIndex {
  readonly targets: AliasTargets;
  readonly keys: WeakMap<YAMLMap, ReadonlyMap<string, Place>>;
}

const placesOf = (map: YAMLMap, { keys }: DocumentIndex): ReadonlyMap<string, Place> => {
  let places = keys.get(map);
  if (places === undefined) {
    places = new Map(map.items.map((pair) => [keyText(pair), pair]));
    keys.set(map, places);
  }
  return places;
};

/** Follows `steps` as far as they lead; the last place that has a key of its own comes along. */
const walk = (document: Document, steps: readonly string[], index: DocumentIndex): Place => {
  let place: Place = { key: null, value: document.contents };
  for (const step of steps) {
    const node = isAlias(place.value) ? index.targets.get(place.value) : place.value;
    let next: Place | undefined;
    if (isMap(node)) next = placesOf(node, index).get(step);
    else if (isSeq(node)) {
      const item: unknown = node.items[Number(step)];
      if (item !== undefined) next = { key: item, value: item };
    }
    if (next === undefined) return { key: place.key, value: place.key ?? place.value };
    place = next;
  }
  return place;
};

/** Keys that stand twice in one map, later ones only. The library's own check takes quadratic time. */
const findDuplicateKeys = (document: Document): readonly TextProblem[] => {
  const found: TextProblem[] = [];
  visit(document, {
    Map: (_key, map) => {
      const seen = new Set<string>();
      for (const pair of map.items) {
        const name = keyText(pair);
        const offset = isNode(pair.key) ? (pair.key.range?.[0] ?? 0) : 0;
        if (seen.has(name))
          found.push({ offset, message: `the key ${name.slice(0, 64)} stands here a second time` });
        seen.add(name);
      }
    },
  });
  return found;
};

/** Reads YAML 1.2 without tags or merge keys. Never throws for what the text holds. */
export const readYaml = (text: string, options: YamlOptions): YamlSource => {
  const lines = new LineCounter();
  const document: Document = parseDocument<ParsedNode>(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    // Below `error` the library would let a second document pass in silence.
    logLevel: 'error',
    schema: options.scalars === 'text' ? 'failsafe' : 'core',
  });
  const { targets, bad: badAliases } = resolveAliases(document);
  const index: DocumentIndex = { targets, keys: new WeakMap() };
  const positionAt = (offset: number): TextPosition => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const positionOf = (node: unknown): TextPosition =>
    positionAt(isNode(node) ? (node.range?.[0] ?? 0) : 0);
  const positions: Pick<YamlSource, 'valuePosition' | 'keyPosition'> = {
    valuePosition: (steps) => {
      const { key, value } = walk(document, steps, index);
      // An empty value has no place of its own worth showing: it stands after the line's end.
      const isEmpty = isScalar(value) && value.range?.[0] === value.range?.[1];
      return positionOf(value === null || isEmpty ? (key ?? value) : value);
    },
    keyPosition: (steps) => {
      const { key, value } = walk(document, steps, index);
      return positionOf(key ?? value);
    },
  };
  const problems = [...document.errors, ...document.warnings];
  const faults: TextFault[] = [
    ...problems.map((error) => ({ offset: error.pos[0], message: explain(error) })),
    ...badAliases,
    ...findDuplicateKeys(document),
  ]
    .sort((a, b) => a.offset - b.offset)
    .map(({ offset, message }) => ({ ...positionAt(offset), message }));
  if (badAliases.length > 0 || !problems.every(isHarmless))
    return { value: undefined, faults, ...positions };
  try {
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES }) ?? null;
    return { value, faults, ...positions };
  } catch {
    const message = `aliases stand for more than ${MAX_ALIASES} values`;
    return { value: undefined, faults: [...faults, { line: 1, column: 1, message }], ...positions };
  }
};

/** `file:line:column`, as editors and terminals open it. */
export const placeText = (file: string, position: TextPosition): string =>
  `${file}:${position.line}:${position.column}`;
