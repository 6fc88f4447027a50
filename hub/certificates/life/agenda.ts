// Ids and the moments at which each is due arrive; those that are due leave, earliest first, however many there are.

interface Entry {
  readonly id: string;
  readonly at: number;
  /** First come, first served, among those of one moment. */
  readonly turn: number;
}

/** A binary heap. An entry that was moved or struck off stays in it until its turn comes, and is passed over then. */
export class Agenda {
  readonly #heap: Entry[] = [];
  readonly #current = new Map<string, Entry>();
  #turn = 0;

  /** One moment for each id: the last one given. */
  set(id: string, at: Date): void {
    if (this.#current.get(id)?.at === at.getTime()) return;
    this.#turn += 1;
    const entry = { id, at: at.getTime(), turn: this.#turn };
    this.#current.set(id, entry);
    this.#push(entry);
  }

  delete(id: string): void {
    this.#current.delete(id);
  }

  /** The id that has been due for longest, struck off. */
  takeDue(now: Date): string | undefined {
    const first = this.#first();
    if (first === undefined || first.at > now.getTime()) return undefined;
    this.#pop();
    this.#current.delete(first.id);
    return first.id;
  }

  nextAt(): Date | undefined {
    const first = this.#first();
    return first === undefined ? undefined : new Date(first.at);
  }

  #first(): Entry | undefined {
    for (;;) {
      const [first] = this.#heap;
      if (first === undefined || this.#current.get(first.id) === first) return first;
      this.#pop();
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let index = heap.push(entry) - 1;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !isBefore(entry, parent)) break;
      heap[index] = parent;
      index = above;
    }
    heap[index] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const [one, other] = [heap[left], heap[left + 1]];
      if (one === undefined) break;
      const isOther = other !== undefined && isBefore(other, one);
      const child = isOther ? other : one;
      if (!isBefore(child, last)) break;
      heap[index] = child;
      index = isOther ? left + 1 : left;
    }
    heap[index] = last;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.at === b.at ? a.turn < b.turn : a.at < b.at;
}
