// Lets libraries that inject <style> elements (the terminal, the dialogs) work under `style-src 'self'` without a nonce.

/**
 * A style element that a script makes becomes inert, and its text goes into a constructed sheet instead, which the
 * policy allows because only script that is already trusted can make one.
 */
export function installStyleBridge(doc: Document): void {
  const create = doc.createElement.bind(doc) as (name: string, options?: ElementCreationOptions) => HTMLElement;
  const inHead = new Map<HTMLElement, () => void>();
  doc.createElement = ((name: string, options?: ElementCreationOptions) => {
    const element = create(name, options);
    if (name.toLowerCase() === 'style') {
      const release = divert(doc, element as HTMLStyleElement);
      inHead.set(element, release);
    }
    return element;
  }) as typeof doc.createElement;

  new MutationObserver((records) => {
    for (const record of records) {
      for (const node of record.removedNodes) {
        inHead.get(node as HTMLElement)?.();
        inHead.delete(node as HTMLElement);
      }
    }
  }).observe(doc.head, { childList: true });
}

function divert(doc: Document, element: HTMLStyleElement): () => void {
  const sheet = new CSSStyleSheet();
  let text = '';
  let adopted = false;
  const put = (next: string) => {
    text = next;
    sheet.replaceSync(next);
    if (!adopted) doc.adoptedStyleSheets.push(sheet);
    adopted = true;
  };
  const release = () => {
    const at = doc.adoptedStyleSheets.indexOf(sheet);
    if (at >= 0) doc.adoptedStyleSheets.splice(at, 1);
    adopted = false;
  };
  element.setAttribute('type', 'text/plain');
  Object.defineProperties(element, {
    type: { get: () => 'text/plain', set: () => undefined },
    textContent: { get: () => text, set: put },
    appendChild: {
      value: (node: Node) => {
        put(text + (node.textContent ?? ''));
        return node;
      },
    },
    remove: {
      value: () => {
        release();
        element.parentNode?.removeChild(element);
      },
    },
  });
  return release;
}
