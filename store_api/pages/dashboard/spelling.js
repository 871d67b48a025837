/** Ids so that no two look the same: what cannot be seen, or is composed otherwise than usual, is spelled out. */

import { make } from "./dom.js";

/* What is drawn as nothing though it is a letter, a symbol or a mark. */
const BLANK = /[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\uffa0]/u;
/* What makes another picture of the character before it: a part of emoji, of Persian and of Indian words. */
const JOINING = /[\u200c\u200d\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/u;
const HIDDEN = /[\p{C}\p{Z}]/u;
const MARK = /\p{M}/u;
const LETTERS = /[^][\p{M}\u1161-\u11ff\u200c\u200d\ufe00-\ufe0f\u{e0100}-\u{e01ef}]*/gu;
const OUTER_SPACES = /^ +| +$/g;
const SPACES = /  +/g;
const SPELLED = /(‹U\+[0-9A-F]{4,6}›|␣+)/;

/** Write an id as text: `chair`, but `chair‹U+200B›`, `Cafe‹U+0301›` and `␣`. @param {string} id */
export function spelled(id) {
  return id
    .replace(LETTERS, letter)
    .replace(OUTER_SPACES, (spaces) => "␣".repeat(spaces.length))
    .replace(SPACES, (spaces) => ` ${"␣".repeat(spaces.length - 1)}`);
}

/** Make an element of an id, in which what is spelled out looks it. @param {string} id */
export function nameOf(id) {
  const text = spelled(id);
  if (text === id) {
    return make("bdi", {}, id);
  }
  const parts = text.split(SPELLED).filter(Boolean);
  return make("bdi", {}, ...parts.map((part) => (SPELLED.test(part) ? make("span", { class: "spelled" }, part) : part)));
}

/** Give a text as ids are searched for: however it is composed, and in whichever case. @param {string} text */
export function searchable(text) {
  return text.normalize("NFC").toLocaleLowerCase();
}

function letter(text) {
  const [first, ...rest] = text;
  if (MARK.test(first)) {
    return [...text].map(code).join("");
  }
  if (text.normalize("NFC") !== text) {
    return (first.normalize("NFC") === first ? seen(first) : code(first)) + rest.map(code).join("");
  }
  const isJoined = first > "\x7f";
  return seen(first) + rest.map((mark) => (isJoined && JOINING.test(mark) ? mark : seen(mark))).join("");
}

function seen(character) {
  const isHidden = (HIDDEN.test(character) && character !== " ") || BLANK.test(character) || JOINING.test(character);
  return isHidden ? code(character) : character;
}

function code(character) {
  return `‹U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}›`;
}
