// Lets libraries that inject <style> elements (the terminal, the dialogs) work under `style-src 'self'` without a nonce.

/**
 * Who asks for a style element gets an inert one, and its text goes into a constructed sheet, which the policy allows
 * because only script that is already trusted can make one. Not a <style> of another type: the policy is checked, and
 * a violation reported, even for one that is empty and no style sheet.
 */
export function installStyleBridge(doc: Document): void {
  const create = doc.createElement.bind(doc) as (name: string, options?: ElementCreationOptions) => HTMLElement;
  const inHead = new WeakMap<Node, () => void>();
  doc.createElement = ((name: string, options?: ElementCreationOptions) => {
    if (name.toLowerCase() !== 'style') return create(name, options);
    const element = create('template');
    inHead.set(element, divert(doc, element));
    return element;
  }) as typeof doc.createElement;

  new MutationObserver((records) => {
    for (const record of records) {
      for (const node of record.removedNodes) {
        inHead.get(node)?.();
      }
    }
  }).observe(doc.head, { childList: true });
}

function divert(doc: Document, element: HTMLElement): () => void {
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
  Object.defineProperties(element, {
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
