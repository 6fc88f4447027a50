// The ways that will do arrive; one of them is shown, and the others are a button each.

export class WayPicker {
  readonly #root: HTMLElement | null;
  readonly #words: Readonly<Record<string, string>>;

  /** Below `root` each way is an element with data-way, and [data-other-ways] is the place for the buttons. */
  constructor(root: HTMLElement | null, words: Readonly<Record<string, string>>) {
    this.#root = root;
    this.#words = words;
  }

  /** Shows the first in the page's order. False: none of them stands on this page. */
  offer(methods: readonly string[]): boolean {
    const usable = this.#all().filter((way) => methods.includes(way.dataset['way'] ?? ''));
    this.#show(usable, usable[0]);
    return usable.length > 0;
  }

  #show(usable: readonly HTMLElement[], shown: HTMLElement | undefined): void {
    for (const way of this.#all()) way.hidden = way !== shown;
    const others = usable
      .filter((way) => way !== shown)
      .map((way) => this.#buttonFor(way, () => this.#show(usable, way)));
    this.#root?.querySelector('[data-other-ways]')?.replaceChildren(...others);
    shown?.querySelector<HTMLElement>('input:not([type="checkbox"]), button')?.focus();
  }

  #buttonFor(way: HTMLElement, onClick: () => void): HTMLButtonElement {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'button quiet';
    button.textContent = this.#words[way.dataset['way'] ?? ''] ?? '';
    button.addEventListener('click', onClick);
    return button;
  }

  #all(): HTMLElement[] {
    return [...(this.#root?.querySelectorAll<HTMLElement>('[data-way]') ?? [])];
  }
}
