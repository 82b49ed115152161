/** One item, and who waits for it. */
interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

export interface GroupCommit<Item, Result> {
  /** Two of one name are never written at the same time. */
  readonly nameOf: (item: Item) => string;
  /** The results in the order of the items; all are written or none. */
  readonly write: (items: readonly Item[]) => Promise<readonly Result[]>;
  /** The error may be the fault of one item, so each of the group is tried alone. */
  readonly isOfOne: (error: unknown) => boolean;
  readonly atMost: number;
  /** Groups under way at the same time. */
  readonly groups: number;
}

/**
 * Writes together what is asked for at the same time: while groups are being committed the next one
 * gathers, so one commit serves many rows, and a single row does not wait for others. Each caller gets the result or
 * error of its own row only.
 */
export function groupCommit<Item, Result>({
  nameOf,
  write,
  isOfOne,
  atMost,
  groups,
}: GroupCommit<Item, Result>): (item: Item) => Promise<Result> {
  let waiting: Waiting<Item, Result>[] = [];
  const underWay = new Set<string>();
  let writers = 0;

  function takeGroup(): readonly Waiting<Item, Result>[] {
    const { group, later } = split(waiting, { nameOf, atMost, underWay });
    waiting = later;
    return group;
  }

  async function writeGroup(group: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await write(group.map(({ item }) => item));
      for (const [index, { resolve }] of group.entries()) resolve(results[index] as Result);
    } catch (error) {
      if (group.length > 1 && isOfOne(error)) for (const each of group) await writeGroup([each]);
      else for (const { reject } of group) reject(error);
    }
  }

  async function writeAll(): Promise<void> {
    writers += 1;
    // What is asked for in this turn of the event loop belongs together.
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    for (let group = takeGroup(); group.length > 0; group = takeGroup()) {
      const names = group.map(({ item }) => nameOf(item));
      for (const name of names) underWay.add(name);
      await writeGroup(group);
      for (const name of names) underWay.delete(name);
    }
    // What waits for a row of the other group is taken by its writer.
    writers -= 1;
  }

  return (item) =>
    new Promise<Result>((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (writers < groups) void writeAll();
    });
}

/** The first that may be written together, and the rest in its order. */
function split<Item, Result>(
  waiting: readonly Waiting<Item, Result>[],
  {
    nameOf,
    atMost,
    underWay,
  }: Pick<GroupCommit<Item, Result>, 'nameOf' | 'atMost'> & {
    readonly underWay: ReadonlySet<string>;
  },
): { readonly group: Waiting<Item, Result>[]; readonly later: Waiting<Item, Result>[] } {
  const names = new Set(underWay);
  const group: Waiting<Item, Result>[] = [];
  const later: Waiting<Item, Result>[] = [];
  for (const each of waiting) {
    const name = nameOf(each.item);
    if (group.length === atMost || names.has(name)) later.push(each);
    else group.push(each);
    names.add(name);
  }
  return { group, later };
}
