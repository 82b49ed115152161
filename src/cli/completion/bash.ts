import { type CompletedOption, type Place, steps } from './tree.ts';

export function bashCompletion(all: readonly Place[]): string {
  const moves = steps(all).map(([from, word]) => `"${from} ${word}"`);
  const values = all.flatMap(({ path, options }) =>
    options.flatMap((option) => valueCase(path, option)),
  );
  const words = all.map(({ path, words: own, options }) => {
    const offered = [...own, ...options].map((each) => each.name).join(' ');
    return `    "${path}") offered="${offered}" ;;`;
  });
  return `# payrecon for bash. Load it with: source <(payrecon completion bash)
_payrecon() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local place="" offered="" i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$place \${COMP_WORDS[i]}" in
      ${moves.join(' | ')}) place="\${place:+$place }\${COMP_WORDS[i]}" ;;
    esac
  done
  case "$place:$previous" in
${values.join('\n')}
  esac
  case "$place" in
${words.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$offered" -- "$current"))
}
complete -F _payrecon payrecon
`;
}

function valueCase(path: string, { name, follows }: CompletedOption): readonly string[] {
  const pattern = `    "${path}:${name}")`;
  switch (follows.kind) {
    case 'nothing':
      return [];
    case 'file':
      return [`${pattern} COMPREPLY=($(compgen -f -- "$current")); return ;;`];
    case 'words':
      return [
        `${pattern} COMPREPLY=($(compgen -W "${follows.words.join(' ')}" -- "$current")); return ;;`,
      ];
    case 'anything':
      return [`${pattern} return ;;`];
  }
}
