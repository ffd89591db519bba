#!/usr/bin/env bash
# A throw-away Active Directory: one Samba domain controller in a network namespace of its own.
# usage: domain.sh up | down, with NS (namespace), DIR (its state), IP and GATEWAY (its address and ours),
# REALM, NETBIOS, and TLS (a directory with ca.pem, cert.pem and key.pem) in the environment.
# domain.sh start | stop: the same in a namespace that is there, on its interface LINK; it needs neither GATEWAY nor TLS.
# Debian packages: samba samba-ad-dc samba-ad-provision samba-dsdb-modules samba-vfs-modules winbind ldb-tools python3-samba iproute2
set -euo pipefail
host=dc1
conf=$DIR/samba/etc/smb.conf
inside() { ip netns exec "$NS" "$@"; }

stop() {
  [ ! -f "$DIR/samba.pid" ] || kill -TERM -- "-$(cat "$DIR/samba.pid")" 2>/dev/null || true
  for _ in $(seq 100); do [ -n "$(ip netns pids "$NS" 2>/dev/null)" ] || break; sleep 0.1; done
  for p in $(ip netns pids "$NS" 2>/dev/null); do kill -KILL "$p" 2>/dev/null || true; done # only what runs in our own namespace
}

down() {
  stop
  ip netns del "$NS" 2>/dev/null || true # the veth pair goes with it
  rm -rf "$DIR/samba" "/etc/netns/$NS"
}

up() {
  mkdir -p "/etc/netns/$NS"
  ip netns add "$NS"
  ip link add "v-$NS" type veth peer name eth0 netns "$NS"
  ip addr add "$GATEWAY/30" dev "v-$NS"
  ip link set "v-$NS" up
  inside ip link set lo up
  inside ip addr add "$IP/30" dev eth0
  inside ip link set eth0 up
  start
}

start() {
  local domain=${REALM,,} link=${LINK:-eth0} options=()
  mkdir -p "$DIR"
  # The namespace sees its own resolv.conf and hosts: ip netns exec mounts /etc/netns/NAME/*.
  printf 'nameserver %s\nsearch %s\n' "$IP" "$domain" >"/etc/netns/$NS/resolv.conf"
  printf '127.0.0.1 localhost\n%s %s.%s %s\n' "$IP" "$host" "$domain" "$host" >"/etc/netns/$NS/hosts"
  [ -z "${TLS:-}" ] || options=(--option="tls cafile=$TLS/ca.pem" --option="tls certfile=$TLS/cert.pem" --option="tls keyfile=$TLS/key.pem")
  inside samba-tool domain provision --realm="$REALM" --domain="$NETBIOS" --server-role=dc --dns-backend=SAMBA_INTERNAL \
    --adminpass="$ADMIN_PASSWORD" --host-name="$host" --host-ip="$IP" --targetdir="$DIR/samba" \
    --option="interfaces=lo $link" --option="bind interfaces only=yes" --option="dns forwarder=127.0.0.1" \
    --option="vfs objects=dfs_samba4 acl_xattr xattr_tdb" --option="server services=ldap cldap kdc dns rpc winbindd" \
    "${options[@]}" >"$DIR/provision.log" 2>&1
  # Two domains on one machine share nothing: what lies below /run by default lies in DIR.
  mkdir -p "$DIR/run/winbindd" "$DIR/run/ncalrpc"
  sed -i "s|^\[global\]|&\n\tpid directory = $DIR/run\n\tncalrpc dir = $DIR/run/ncalrpc\n\twinbindd socket directory = $DIR/run/winbindd|" "$conf"
  inside samba-tool domain passwordsettings set -s "$conf" --account-lockout-threshold=5 --account-lockout-duration=30 --reset-account-lockout-after=30 >>"$DIR/provision.log" 2>&1
  setsid ip netns exec "$NS" samba --foreground --no-process-group -s "$conf" >"$DIR/samba.log" 2>&1 &
  echo $! >"$DIR/samba.pid"
}

case ${1:-} in up) up ;; down) down ;; start) start ;; stop) stop ;; *) sed -n 2,7p "$0"; exit 2 ;; esac
