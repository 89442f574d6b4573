# bash completion of pagewire. The program itself is asked what could stand at the cursor, and so knows every option, method, check,
# interface and plan that this very program has. Works with and without the package bash-completion.
_pagewire() {
  local line suffix current=${COMP_WORDS[COMP_CWORD]} program=${1/#~\//$HOME/}
  COMPREPLY=()
  # Of "--cache=cold" bash replaces what stands behind the '=', and the sign itself is a word.
  [[ $current != '=' ]] || current=
  while IFS= read -r line; do
    case $line in
      :nospace) compopt -o nospace ;;
      :folders)
        compopt -o filenames
        mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "$current")
        ;;
      :files*)
        compopt -o default # readline's own where nothing is found here: it knows ~ and quotes
        suffix=${line#:files }
        [ "$suffix" ] || continue
        compopt -o filenames
        mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -X "!*$suffix" -- "$current"; compgen -d -- "$current")
        ;;
      *) COMPREPLY+=("$line") ;;
    esac
  done < <("$program" complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
} && complete -F _pagewire pagewire
