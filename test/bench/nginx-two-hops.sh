#!/usr/bin/env bash
# The reference of the whole-path benchmark: a backend, and nginx in two TLS hops before it, all on 127.0.0.1.
#   usage: D=DIR nginx-two-hops.sh up | down        DIR keeps the state and must be readable for nginx's workers
# Needs Debian's nginx-light, openssl and curl; no root.
#   9001  backend: static /1k /100k /100m, plain HTTP
#   9446  the same over TLS, no proxy (direct TLS)
#   9443  one hop:  TLS -> plain backend
#   9444  two hops: TLS -> (mutual TLS, TLS 1.3, keep-alive) 9445 -> plain backend; the first hop writes an access log, as ours does
# The two hops' master processes are in $D/gw.pid and $D/conn.pid.
set -euo pipefail
: "${D:?set D to a directory for the state}"
case ${1:-} in
  up) ;;
  down) for p in "$D"/*.pid; do [ ! -f "$p" ] || kill "$(cat "$p")" || true; done; exit ;;
  *) echo "usage: D=DIR $0 up | down" >&2; exit 2 ;;
esac
mkdir -p "$D/www" "$D/pki" "$D/tmp"
ulimit -n "$(ulimit -Hn)"
files=$(ulimit -n)
[ "$files" -le 20000 ] 2>/dev/null || files=20000

make_certificates() {
  openssl ecparam -name prime256v1 -genkey -noout -out ca.key
  openssl req -x509 -new -key ca.key -subj /CN=bench-ca -days 365 -out ca.crt
  for n in server client; do
    openssl ecparam -name prime256v1 -genkey -noout -out $n.key
    openssl req -new -key $n.key -subj /CN=$n -out $n.csr
    printf 'subjectAltName=DNS:localhost,DNS:bench.test,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n' >$n.ext
    openssl x509 -req -in $n.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 365 -extfile $n.ext -out $n.crt
  done
  cat server.crt ca.crt >chain.crt
}
[ -s "$D/pki/chain.crt" ] || ( cd "$D/pki" && make_certificates 2>openssl.log || { cat openssl.log >&2; exit 1; } )
if [ ! -s "$D/www/1k" ]; then
  head -c 768 /dev/urandom | base64 -w0 >"$D/www/1k"
  head -c 102400 /dev/urandom >"$D/www/100k"
  head -c 104857600 /dev/urandom >"$D/www/100m"
fi

main="worker_processes 2; worker_rlimit_nofile $files; events { worker_connections $((files * 9 / 20)); }"
common="sendfile on; tcp_nodelay on; keepalive_timeout 600s; keepalive_requests 100000000; default_type application/octet-stream;
  proxy_max_temp_file_size 0; open_file_cache max=100; open_file_cache_valid 600s;
  client_body_temp_path $D/tmp/body; proxy_temp_path $D/tmp/proxy; fastcgi_temp_path $D/tmp/fastcgi; uwsgi_temp_path $D/tmp/uwsgi; scgi_temp_path $D/tmp/scgi;"
tls="ssl_certificate $D/pki/chain.crt; ssl_certificate_key $D/pki/server.key; ssl_protocols TLSv1.3; ssl_session_cache shared:s:10m;"
keep="keepalive 512; keepalive_requests 100000000; keepalive_timeout 600s;"
up='proxy_http_version 1.1; proxy_set_header Connection "";'

start() { # start NAME CONFIGURATION
  printf 'pid %s; error_log %s; %s http { %s %s }\n' "$D/$1.pid" "$D/$1.err" "$main" "$common" "$2" >"$D/$1.conf"
  nginx -e "$D/$1.err" -c "$D/$1.conf"
}
start backend "access_log off; $tls
  server { listen 127.0.0.1:9001 backlog=4096 reuseport; root $D/www; }
  server { listen 127.0.0.1:9446 ssl backlog=4096 reuseport; root $D/www; }"
start onehop "access_log off; $tls upstream be { server 127.0.0.1:9001; $keep }
  server { listen 127.0.0.1:9443 ssl backlog=4096 reuseport; location / { proxy_pass http://be; $up } }"
start conn "access_log off; $tls ssl_client_certificate $D/pki/ca.crt; ssl_verify_client on; upstream be { server 127.0.0.1:9001; $keep }
  server { listen 127.0.0.1:9445 ssl backlog=4096 reuseport; location / { proxy_pass http://be; $up } }"
start gw "access_log $D/access.log combined buffer=64k flush=1s; $tls upstream co { server 127.0.0.1:9445; $keep }
  server { listen 127.0.0.1:9444 ssl http2 backlog=4096 reuseport; location / { proxy_pass https://co; $up
    proxy_ssl_certificate $D/pki/client.crt; proxy_ssl_certificate_key $D/pki/client.key; proxy_ssl_protocols TLSv1.3;
    proxy_ssl_verify on; proxy_ssl_name localhost; proxy_ssl_trusted_certificate $D/pki/ca.crt; } }"

for url in http://127.0.0.1:9001 https://127.0.0.1:9446 https://127.0.0.1:9443 https://127.0.0.1:9444; do
  size=$(curl -sk --max-time 10 -o /dev/null -w '%{http_code} %{size_download}' "$url/1k") || true
  [ "$size" = "200 1024" ] || { echo "$url/1k answers $size" >&2; exit 1; }
done
