import { type CompletedOption, type Place, quoted, steps, type Word } from './tree.ts';

export function zshCompletion(all: readonly Place[]): string {
  const moves = steps(all).map(([from, word]) => `"${from} ${word}"`);
  const values = all.flatMap(({ path, options }) =>
    options.flatMap((option) => valueCase(path, option)),
  );
  const words = all.map(
    ({ path, words: own, options }) => `    ("${path}")
      commands=(${own.map(entry).join(' ')})
      options=(${options.map(entry).join(' ')})
      ;;`,
  );
  return `#compdef payrecon
# payrecon for zsh. Load it with: source <(payrecon completion zsh)
_payrecon() {
  local place="" previous="\${words[CURRENT-1]}"
  local -i i
  local -a commands options
  for ((i = 2; i < CURRENT; i++)); do
    case "$place \${words[i]}" in
      (${moves.join('|')}) place="\${place:+$place }\${words[i]}" ;;
    esac
  done
  case "$place:$previous" in
${values.join('\n')}
  esac
  case "$place" in
${words.join('\n')}
  esac
  (( \${#commands} )) && _describe -t commands command commands
  _describe -o -t options option options
}
if [[ "\${funcstack[1]}" == _payrecon ]]; then
  _payrecon "$@"
else
  compdef _payrecon payrecon
fi
`;
}

function entry({ name, description }: Word): string {
  return quoted(`${name}:${description}`);
}

function valueCase(path: string, { name, follows }: CompletedOption): readonly string[] {
  const pattern = `    ("${path}:${name}")`;
  switch (follows.kind) {
    case 'nothing':
      return [];
    case 'file':
      return [`${pattern} _files; return ;;`];
    case 'words':
      return [`${pattern} compadd -- ${follows.words.join(' ')}; return ;;`];
    case 'anything':
      return [`${pattern} return ;;`];
  }
}
