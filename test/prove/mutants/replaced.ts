/** What may stand in for an export: something of its type; for a text, any other text. */
type StandIn<Export> = Export extends string ? string : Export;

/**
 * The module with some of its exports replaced, for `vi.mock`. An export that the module does not
 * have is an error of the compiler. What is called within the module itself is not replaced.
 *
 * Of src, a bug imports only types at its head (`import type`), and modules within its factory: one
 * that is imported at the head may import the replaced module, whose factory then runs before this
 * function is there.
 */
export function replaced<Module extends object>(
  original: Module,
  exports: { readonly [Name in keyof Module]?: StandIn<Module[Name]> },
): Module {
  return { ...original, ...exports };
}
