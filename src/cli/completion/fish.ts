import { type CompletedOption, type Place, steps, type Word } from './tree.ts';

export function fishCompletion(all: readonly Place[]): string {
  const moves = steps(all).map(([from, word]) => quotedForFish(`${from} ${word}`));
  const lines = all.flatMap(({ path, words, options }) => [
    ...words.map((word) => wordLine(path, word)),
    ...options.map((option) => optionLine(path, option)),
  ]);
  return `# payrecon for fish. Load it with: payrecon completion fish | source
function __payrecon_at
    set -l place ''
    set -l words (commandline -opc)
    set -e words[1]
    for word in $words
        switch "$place $word"
            case ${moves.join(' ')}
                set place (string trim -- "$place $word")
        end
    end
    test "$place" = "$argv[1]"
end
complete -c payrecon -f
${lines.join('\n')}
`;
}

function at(path: string): string {
  return `complete -c payrecon -n "__payrecon_at '${path}'"`;
}

function wordLine(path: string, { name, description }: Word): string {
  return `${at(path)} -a ${quotedForFish(name)} -d ${quotedForFish(description)}`;
}

function optionLine(path: string, { name, description, follows }: CompletedOption): string {
  const line = `${at(path)} -l ${name.replace(/^--/, '')} -d ${quotedForFish(description)}`;
  switch (follows.kind) {
    case 'nothing':
      return line;
    case 'file':
      return `${line} -r -F`;
    case 'words':
      return `${line} -x -a ${quotedForFish(follows.words.join(' '))}`;
    case 'anything':
      return `${line} -x`;
  }
}

function quotedForFish(text: string): string {
  return `'${text.replaceAll('\\', String.raw`\\`).replaceAll("'", String.raw`\'`)}'`;
}
