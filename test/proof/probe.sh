# Says all that a process can know about how it was started; run as `sh -c "$(cat probe.sh)" probe REPORT [WORD ...]`.
# Only /proc is asked, about $$: what helps to read it are children, and the shell itself changes nothing here.
# It writes to REPORT, one fact a line, `name<TAB>value`; then it ends with $PROBE_STATUS or dies of $PROBE_SIGNAL.
{
  grep -E '^(Umask|PPid|Uid|Gid|Groups|NSpid|SigPnd|ShdPnd|SigBlk|SigIgn|Cap|NoNewPrivs|Seccomp|Cpus_allowed_list|Mems_allowed_list|CoreDumping|THP_enabled|Speculation|Threads|TracerPid)' /proc/$$/status |
    sed -e 's/[[:space:]]*$//' -e 's/:[[:space:]]*/\t/' -e 's/^/status./'
  sed -e 1d -e 's/  \+/|/g' -e 's/^\([^|]*\)|/limit.\1\t/' /proc/$$/limits
  # After the name: state ppid pgrp session tty tpgid ...; the fields of proc_pid_stat(5) less 2.
  sed 's/^.*) //' /proc/$$/stat | {
    read -r _ ppid pgrp session tty tpgid _ _ _ _ _ _ _ _ _ priority nice _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ rt policy _
    printf 'pid\t%s\nppid\t%s\npgrp\t%s\nsession\t%s\ntty\t%s\ntpgid\t%s\npriority\t%s\nnice\t%s\nrt\t%s\npolicy\t%s\n' \
      "$$" "$ppid" "$pgrp" "$session" "$tty" "$tpgid" "$priority" "$nice" "$rt" "$policy"
  }
  for file in comm oom_score_adj coredump_filter timerslack_ns personality cgroup attr/current loginuid sessionid; do
    printf '%s\t%s\n' "$file" "$(tr '\n\0' ';;' </proc/$$/$file 2>/dev/null)"
  done
  for link in cwd root exe; do printf '%s\t%s\n' "$link" "$(readlink /proc/$$/$link)"; done
  printf 'argv\t%s\n' "$(base64 -w0 </proc/$$/cmdline)"
  printf 'environ\t%s\n' "$(base64 -w0 </proc/$$/environ)"
  printf 'ioprio\t%s\n' "$(ionice -p $$ 2>/dev/null)"
  for at in /proc/$$/fd/*; do
    fd=${at##*/}
    [ "$fd" != '*' ] || continue
    printf 'fd.%s\t%s\n' "$fd" "$(readlink "$at")"
    sed -n -e "s/^\(pos\|flags\):[[:space:]]*/fd.$fd.\1\t/p" /proc/$$/fdinfo/$fd
    case $(readlink "$at") in /dev/pts/* | /dev/console)
      printf 'fd.%s.termios\t%s\n' "$fd" "$(stty -a <"$at" | tr '\n' ' ')" ;;
    esac
  done
} 2>/dev/null | cat >"$1"
[ -z "$PROBE_SIGNAL" ] || { ulimit -c 0; kill -"$PROBE_SIGNAL" $$; sleep 60; }
exit "${PROBE_STATUS:-0}"
