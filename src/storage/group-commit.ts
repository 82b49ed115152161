/** One item, and who waits for it. */
interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

export interface GroupCommit<Item, Result> {
  /** Two of one name never share a group. */
  readonly nameOf: (item: Item) => string;
  readonly one: (item: Item) => Promise<Result>;
  /** The results in the order of the items; null: the group would not do, and each is tried alone. */
  readonly many: (items: readonly Item[]) => Promise<readonly Result[] | null>;
  readonly atMost: number;
}

/**
 * Writes together what is asked for at the same time: while one group is being committed the next one
 * gathers, so a commit is paid once for many rows, and a single row waits for nobody. Whoever asks sees his own
 * row's result or failure, as if it were written alone.
 */
export function groupCommit<Item, Result>({ nameOf, one, many, atMost }: GroupCommit<Item, Result>): (item: Item) => Promise<Result> {
  let waiting: Waiting<Item, Result>[] = [];
  let writing = false;

  function takeGroup(): readonly Waiting<Item, Result>[] {
    const names = new Set<string>();
    const group: Waiting<Item, Result>[] = [];
    const later: Waiting<Item, Result>[] = [];
    for (const each of waiting) {
      const name = nameOf(each.item);
      if (group.length === atMost || names.has(name)) later.push(each);
      else group.push(each);
      names.add(name);
    }
    waiting = later;
    return group;
  }

  async function writeOne({ item, resolve, reject }: Waiting<Item, Result>): Promise<void> {
    await one(item).then(resolve, reject);
  }

  async function writeGroup(group: readonly Waiting<Item, Result>[]): Promise<void> {
    const [first] = group;
    if (first !== undefined && group.length === 1) {
      await writeOne(first);
      return;
    }
    try {
      const results = await many(group.map(({ item }) => item));
      if (results === null) for (const each of group) await writeOne(each);
      else group.forEach(({ resolve }, index) => { resolve(results[index] as Result); });
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }

  async function writeAll(): Promise<void> {
    writing = true;
    // What is asked for in this turn of the event loop belongs together.
    await new Promise((resolve) => { setImmediate(resolve); });
    while (waiting.length > 0) await writeGroup(takeGroup());
    writing = false;
  }

  return (item) =>
    new Promise<Result>((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (!writing) void writeAll();
    });
}
