/** The few things the page does to its elements. Text is always text: nothing here reads HTML. */

/** Give the element with this id. */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) {
    throw new Error(`no element ${id}`);
  }
  return element;
}

/** Make an element, with its attributes and with what is in it: elements, or text. */
export function make(tag, attributes = {}, ...content) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    element.setAttribute(name, value);
  }
  element.append(...content);
  return element;
}

/** Set a text if it is another one: browsers lay out anew what is touched. */
export function setText(element, text) {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

/** Set an attribute if it has another value; null removes it. */
export function setAttribute(element, name, value) {
  if (element.getAttribute(name) === value) {
    return;
  }
  if (value === null) {
    element.removeAttribute(name);
  } else {
    element.setAttribute(name, value);
  }
}

/** Show names and values side by side; what is there already is kept. @param {[string, string][]} figures */
export function showFigures(list, figures) {
  if (list.childElementCount !== figures.length) {
    list.replaceChildren(...figures.map(() => make("div", {}, make("dt"), make("dd"))));
  }
  figures.forEach(([name, value], index) => {
    const [term, description] = list.children[index].children;
    setText(term, name);
    setText(description, value);
  });
}
