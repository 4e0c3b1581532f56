/** The scripts that shells read. Each works alone, without packages for completion, and in every case of a flag's name. */
import { COMMAND_COMPLETIONS, type Completion, FLAG_COMPLETIONS } from './completion-items.ts';

/** In single quotes of a POSIX shell and of zsh. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** In single quotes of fish, which knows two escapes there. */
function fishQuoted(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}

function shownName({ name, needsValue }: Completion): string {
  return needsValue ? `${name}=` : name;
}

/** `pattern) text ;;` for each that has one. */
function cases(lines: readonly (readonly [pattern: string, text: string])[]): string {
  return lines
    .filter(([, text]) => text !== '')
    .map(([pattern, text]) => `    ${pattern}) ${text} ;;\n`)
    .join('');
}

/** Values by command and option, of a flag for every command: `"wait --source"`, `"* --web"`, in lower case. */
function valueCases(say: (values: readonly string[]) => string, file: string): string {
  const of = (command: string, { name, values, isFile }: Completion): [string, string] => [
    `${command}${quoted(` ${name.toLowerCase()}`)}`,
    isFile ? file : values.length === 0 ? '' : say(values),
  ];
  const own = COMMAND_COMPLETIONS.flatMap(({ name, options }) => options.map((option) => of(name, option)));
  return cases([...own, ...FLAG_COMPLETIONS.map((flag) => of('*', flag))]);
}

function bash(): string {
  const options = cases(
    COMMAND_COMPLETIONS.map(({ name, options: own }) => [
      name,
      own.length === 0 ? '' : `printf '%s\\n' ${own.map((option) => quoted(shownName(option))).join(' ')}`,
    ]),
  );
  const words = cases(
    COMMAND_COMPLETIONS.map(({ name, words: own }) => [
      name,
      own.length === 0 ? '' : `printf '%s\\n' ${own.join(' ')}`,
    ]),
  );
  const files = COMMAND_COMPLETIONS.filter(({ takesFile }) => takesFile).map(({ name }) => name);
  return `# Completion of tsuji for bash: source <(tsuji completion bash)
_tsuji_options() {
  case $1 in
${options}  esac
}
_tsuji_words() {
  case $1 in
${words}  esac
}
_tsuji_values() {
  case "$1 $2" in
${valueCases((values) => `printf '%s\\n' ${values.join(' ')}`, 'echo FILE')}  esac
}
_tsuji() {
  local line=\${COMP_LINE:0:COMP_POINT} cur word command='' known='' candidate cut='' strip
  # Bash cuts words at "=" and ":"; these are those between the blanks.
  local -a before
  read -r -a before <<< "$line"
  case $line in *[[:space:]]) cur='' ;; *) cur=\${before[-1]}; unset 'before[-1]' ;; esac
  for word in "\${before[@]:1}"; do
    if [[ $word != -* ]]; then command=\${word,,}; break; fi
  done
  COMPREPLY=()
  if [[ $cur == --*=* ]]; then
    cut=\${cur%%=*}=
    word=\${cut%=}
    known=$(_tsuji_values "$command" "\${word,,}")
  elif [[ $cur == -* ]]; then
    known=$(_tsuji_options "$command"; printf '%s\\n' ${FLAG_COMPLETIONS.map(shownName).join(' ')} --help)
  elif [[ $command == '' ]]; then
    known='${COMMAND_COMPLETIONS.map(({ name }) => name).join(' ')}'
  else
    known=$(_tsuji_words "$command")
    case $command in ${files.length === 0 ? '-' : files.join('|')}) known="$known FILE" ;; esac
  fi
  # What bash takes for the word under the cursor.
  strip=\${cur%"\${cur##*[=:]}"}
  [[ $COMP_WORDBREAKS == *=* ]] || strip=''
  for candidate in $known; do
    if [[ $candidate == FILE ]]; then
      compopt -o filenames 2> /dev/null
      while IFS= read -r candidate; do COMPREPLY+=("$candidate"); done < <(compgen -f -- "\${cur#"$cut"}")
    else
      candidate=$cut$candidate
      if [[ \${candidate,,} == "\${cur,,}"* ]]; then COMPREPLY+=("\${candidate:\${#strip}}"); fi
    fi
  done
  if [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == *= ]]; then compopt -o nospace 2> /dev/null; fi
}
complete -F _tsuji tsuji
`;
}

/** Of _describe: a colon ends a name. */
function described(name: string, help: string): string {
  return quoted(`${name.replaceAll(':', '\\:')}:${help}`);
}

function zsh(): string {
  const list = (items: readonly Completion[], needsValue: boolean): string =>
    items
      .filter((item) => item.needsValue === needsValue)
      .map(({ name, help }) => described(name, help))
      .join(' ');
  const options = cases(
    COMMAND_COMPLETIONS.map(({ name, options: own }) => [
      name,
      own.length === 0 ? '' : `plain+=(${list(own, false)}); valued+=(${list(own, true)})`,
    ]),
  );
  const words = cases(
    COMMAND_COMPLETIONS.map(({ name, words: own, takesFile }) => [
      name,
      [...(own.length === 0 ? [] : [`compadd -- ${own.join(' ')}`]), ...(takesFile ? ['_files'] : [])].join('; '),
    ]),
  );
  return `#compdef tsuji
# Completion of tsuji for zsh: source <(tsuji completion zsh), behind compinit; or as a file _tsuji in $fpath.
_tsuji() {
  local command='' word option
  local -a plain valued commands
  for word in "\${(@)words[2,CURRENT-1]}"; do
    if [[ $word != -* ]]; then command=\${(L)word}; break; fi
  done
  if [[ \${words[CURRENT]} == --*=* ]]; then
    option=\${(L)words[CURRENT]%%=*}
    compset -P '*='
    case "$command $option" in
${valueCases((values) => `compadd -- ${values.join(' ')}`, '_files')}    esac
  elif [[ \${words[CURRENT]} == -* ]]; then
    plain=('--help:what it does and takes' ${list(FLAG_COMPLETIONS, false)})
    valued=(${list(FLAG_COMPLETIONS, true)})
    case $command in
${options}    esac
    _describe -o 'flag' plain -M 'm:{a-zA-Z}={A-Za-z}' -- valued -S '=' -M 'm:{a-zA-Z}={A-Za-z}'
  elif [[ $command == '' ]]; then
    commands=(${COMMAND_COMPLETIONS.map(({ name, summary }) => described(name, summary)).join(' ')})
    _describe 'command' commands
  else
    case $command in
${words}    esac
  fi
}
if [[ $funcstack[1] == _tsuji ]]; then _tsuji "$@"; else compdef _tsuji tsuji; fi
`;
}

function fish(): string {
  const option = ({ name, help, needsValue, values, isFile }: Completion, condition: string): string => {
    const kind = isFile
      ? ' -r -F'
      : needsValue
        ? ` -x${values.length === 0 ? '' : ` -a ${fishQuoted(values.join(' '))}`}`
        : '';
    return `complete -c tsuji${condition}${` -l ${fishQuoted(name.slice(2))}`}${kind} -d ${fishQuoted(help)}`;
  };
  const commands = COMMAND_COMPLETIONS.flatMap(({ name, summary, options, words, takesFile }) => {
    const seen = ` -n ${fishQuoted(`__fish_seen_subcommand_from ${name}`)}`;
    return [
      `complete -c tsuji -n __fish_use_subcommand -a ${name} -d ${fishQuoted(summary)}`,
      ...(words.length === 0 ? [] : [`complete -c tsuji${seen} -a ${fishQuoted(words.join(' '))}`]),
      ...(takesFile ? [`complete -c tsuji${seen} -F`] : []),
      ...options.map((each) => option(each, seen)),
    ];
  });
  return `# Completion of tsuji for fish: tsuji completion fish | source
complete -c tsuji -f
complete -c tsuji -l help -s h -d 'what it does and takes'
${[...commands, ...FLAG_COMPLETIONS.map((flag) => option(flag, ''))].join('\n')}
`;
}

export const COMPLETION_SCRIPTS: Readonly<Record<'bash' | 'zsh' | 'fish', () => string>> = { bash, zsh, fish };
