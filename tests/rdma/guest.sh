#!/usr/bin/env bash
# usage: tests/rdma/guest.sh FOLDER   (of the test programs; in the virtual machine)
#
# The tests of distributed/ over Soft-RoCE: on one device, on a device for each
# pair of ranks, and over a wire between two devices that is then made bad and cut.
set -uo pipefail

programs=$1
here=$(mktemp -d)
failures=0
program=distributed_processes_test  # which the ranks of a job run
arguments=()

report() {  # NAME STATUS: and what was printed, if it failed
  if [ "$2" -eq 0 ]; then
    echo "ok      $1 (${SECONDS} s)"
  else
    echo "FAILED  $1"
    tail -n 60 "$here"/output*
    failures=$((failures + 1))
  fi
  rm -f "$here"/output*
  SECONDS=0
}

gtest() {  # NAME PROGRAM FILTER
  "$programs/$2" --gtest_filter="$3" --gtest_brief=1 >"$here/output" 2>&1 &&
    grep -q 'PASSED  . [1-9]' "$here/output"
  report "$1" $?
}

start_ranks() {  # BODY RANKS MATRIX [NAME=VALUE...]: a job of processes, in $pids
  local body=$1 ranks=$2 matrix=$3 rank
  shift 3
  port=$((${port:-20000} + 1))
  echo "$matrix" >"$here/matrix"
  pids=()
  for ((rank = 0; rank < ranks; ++rank)); do
    env ${body:+"MLX_TEST_BODY=$body"} MLX_RANK=$rank MLX_JOB_SECRET=guest \
      MLX_JACCL_COORDINATOR=127.0.0.1:$port MLX_TRANSPORT=rdma MLX_IBV_DEVICES="$here/matrix" "$@" \
      "$programs/$program" "${arguments[@]}" >"$here/output.$rank" 2>&1 &
    pids+=($!)
  done
}

wait_for_ranks() {  # STATUS: that all are to end with
  local pid status=0
  for pid in "${pids[@]}"; do
    wait "$pid"
    [ $? -eq "$1" ] || status=1
  done
  return $status
}

every_operation() {  # NAME RANKS MATRIX [NAME=VALUE...]
  local name=$1
  shift
  start_ranks all_operations "$@"
  wait_for_ranks 0
  report "$name" $?
}

packets() {  # DEVICE: sent so far
  cat "/sys/class/infiniband/$1/ports/1/hw_counters/sent_pkts"
}

make_device() {  # NAME ADDRESS: on a network device of its own
  ip link add "n$1" type dummy
  ip address add "$2/24" dev "n$1"
  ip link set "n$1" up
  rdma link add "$1" type rxe netdev "n$1"
}

# A real wire between two devices of one kernel: a veth pair, and rules that send
# what is for the other end over it although both ends are local.
make_wire() {
  ip link add va type veth peer name vb
  ip address add 10.1.0.1/24 dev va
  ip address add 10.1.0.2/24 dev vb
  ip link set va up
  ip link set vb up
  local i
  for i in all va vb; do
    sysctl -qw net.ipv4.conf.$i.rp_filter=0 net.ipv4.conf.$i.accept_local=1 \
      net.ipv4.conf.$i.arp_ignore=1 net.ipv4.conf.$i.arp_announce=2
  done
  ip rule add pref 10 iif va lookup local
  ip rule add pref 11 iif vb lookup local
  ip rule add pref 12 iif lo from 10.1.0.1 to 10.1.0.2 lookup 100
  ip rule add pref 13 iif lo from 10.1.0.2 to 10.1.0.1 lookup 101
  ip rule add pref 100 lookup local
  ip rule del pref 0
  ip route add 10.1.0.2/32 dev va src 10.1.0.1 table 100
  ip route add 10.1.0.1/32 dev vb src 10.1.0.2 table 101
  rdma link add rxa type rxe netdev va
  rdma link add rxb type rxe netdev vb
}

wait_for_ports() {
  local tries=0
  until [ "$(cat /sys/class/infiniband/*/ports/1/state | grep -vc ACTIVE)" -eq 0 ]; do
    sleep 0.1
    ((++tries < 100)) || return 1
  done
}

reference() {  # perftest on the wire, and ours beside it
  command -v ib_send_lat >/dev/null || return 0
  local test
  for test in "ib_send_lat -s 64 -n 500" "ib_write_bw -s 1048576 -n 20"; do
    $test -F -d rxa -x 1 >/dev/null 2>&1 &
    sleep 1
    echo "        $test: $($test -F -d rxb -x 1 10.1.0.1 2>/dev/null | grep -E '^ *[0-9]+ ' | tail -1)"
    wait $!
  done
  [ -x "$programs/bench_all_sum" ] || return 0
  program=bench_all_sum
  arguments=(4194304)
  start_ranks "" 2 "$wire"
  wait_for_ranks 0 && echo "        all_sum: $(cat "$here/output.0")"
  program=distributed_processes_test
  arguments=()
  SECONDS=0
}

# Two "hosts", both this machine: the hostfile for its devices, which a check accepts.
configure() {
  local config=("$programs/mlx-distributed-config" --ssh "$here/ssh" --connect-timeout 60)
  printf '#!/bin/sh\nfor command; do :; done\nexec sh -c "$command"\n' >"$here/ssh"
  chmod +x "$here/ssh"
  {
    "${config[@]}" --hosts a,b --over rdma --seconds 0.05 --output-hostfile "$here/hosts.json" &&
      grep '"rdma":\[null,.*rx01' "$here/hosts.json" && "${config[@]}" --check "$here/hosts.json"
  } >"$here/output" 2>&1 </dev/null
  report "the hostfile of mlx-distributed-config" $?
}

wire='[[null, "rxa"], ["rxb", null]]'

make_device rx01 10.2.0.1
make_device rx02 10.2.1.1
make_device rx12 10.2.2.1
make_wire
wait_for_ports
report "devices" $?
configure

gtest "the suite, 2 and 3 ranks as threads on one device" distributed_ranks_test '*/rdma*'
gtest "processes, a killed and a stopped rank" distributed_processes_test '*/rdma*'

every_operation "3 ranks, a device for each pair" 3 \
  '[[null, "rx01", "rx02"], ["rx01", null, "rx12"], ["rx02", ["rx12"], null]]'
every_operation "4 ranks in a ring, TCP between the others" 4 \
  "[$(for i in 1 2 3 4; do echo '["rx01", "rx01", "rx01", "rx01"]'; done | paste -sd,)]" \
  MLX_JACCL_RING=1

before=$(packets rxa)
every_operation "2 ranks over a wire" 2 "$wire"
[ $(($(packets rxa) - before)) -gt 2000 ]
report "the wire carried it ($(($(packets rxa) - before)) packets)" $?

tc qdisc add dev va root netem delay 2ms loss 1%
tc qdisc add dev vb root netem delay 2ms loss 1%
every_operation "2 ranks over a wire that delays and loses" 2 "$wire"
lost=$(tc -s qdisc show dev va | sed -n 's/.*dropped \([0-9]*\).*/\1/p')
[ "${lost:-0}" -gt 0 ]
report "the wire lost packets (${lost:-0})" $?
tc qdisc del dev va root
tc qdisc del dev vb root
reference

start_ranks sum_forever 2 "$wire"
for _ in $(seq 100); do
  grep -q ready "$here/output.0" && grep -q ready "$here/output.1" && break
  sleep 0.1
done
ip link set va down
wait_for_ranks 3 && cat "$here"/output.* | grep -q 'PeerLostError.*its queue pair with rank . failed'
report "2 ranks whose wire is cut" $?

rm -rf "$here"
exit $((failures > 0))
