#!/bin/sh
# Reads a service ID over the systems' interface with nothing but sh, awk, openssl and curl:
#
#   openssl ecparam -name prime256v1 -genkey -noout -out key.pem      # or: openssl genrsa -out key.pem 3072
#   openssl pkey -in key.pem -pubout                                  # what the body's administrator registers
#   POSVID_URL=https://id.example.gov.ua POSVID_CLIENT=sys-… POSVID_KEY=key.pem \
#     sh read-document.sh 00849994 rnokpp 3068208400
#
# It makes a client assertion (RFC 7523), gets a token for ten minutes (RFC 6749), asks for the document (docs/spec/systems.md,
# Sections 3 and 5) and prints the answer. The number of the person stands in no address and in no command line of curl.
set -eu

: "${POSVID_URL:?address of the service}" "${POSVID_CLIENT:?client id}" "${POSVID_KEY:?file with the private key}"
audience=${POSVID_AUDIENCE:-$POSVID_URL/oauth/token}
now=${POSVID_NOW:-$(date +%s)}
body=${1:?ЄДРПОУ of the body} kind=${2:?rnokpp, unzr or staff} person=${3:?the number}

b64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }

# hex to base64url, for the two numbers of an ECDSA signature.
hex64() {
	awk '{
		abc = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		for (i = 1; i <= length($0); i++) {
			bits = bits * 16 + index("0123456789ABCDEF", toupper(substr($0, i, 1))) - 1; n += 4
			while (n >= 6) { n -= 6; q = int(bits / 2 ^ n); out = out substr(abc, q + 1, 1); bits -= q * 2 ^ n }
		}
		if (n > 0) out = out substr(abc, bits * 2 ^ (6 - n) + 1, 1)
		printf "%s", out
	}'
}

case $(openssl pkey -in "$POSVID_KEY" -noout -text 2>/dev/null | head -n 1) in
*256*) alg=ES256 ;;
*) alg=RS256 ;;
esac
jti=$(openssl rand -hex 16)
header=$(printf '{"alg":"%s","typ":"JWT"}' "$alg" | b64url)
claims=$(printf '{"iss":"%s","sub":"%s","aud":"%s","iat":%s,"exp":%s,"jti":"%s"}' \
	"$POSVID_CLIENT" "$POSVID_CLIENT" "$audience" "$now" "$((now + 60))" "$jti" | b64url)
if [ "$alg" = RS256 ]; then
	signature=$(printf '%s' "$header.$claims" | openssl dgst -sha256 -sign "$POSVID_KEY" | b64url)
else
	# openssl writes SEQUENCE { r, s }; a JWT wants the two numbers of 32 bytes side by side (RFC 7518, Section 3.4).
	signature=$(printf '%s' "$header.$claims" | openssl dgst -sha256 -sign "$POSVID_KEY" | openssl asn1parse -inform DER |
		awk -F: '/INTEGER/ { h = $NF; while (length(h) < 64) h = "0" h; printf "%s", substr(h, length(h) - 63) } END { print "" }' | hex64)
fi

answer=$(curl -sS --fail-with-body --max-time 20 \
	--data-urlencode grant_type=client_credentials \
	--data-urlencode client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer \
	--data-urlencode client_assertion="$header.$claims.$signature" \
	--data-urlencode scope=documents \
	"$POSVID_URL/oauth/token") || { echo "read-document: no token: $answer" >&2; exit 1; }
token=$(printf '%s' "$answer" | sed -n 's/.*"access_token":"\([A-Za-z0-9_-]*\)".*/\1/p')
[ -n "$token" ] || { echo "read-document: the answer holds no token" >&2; exit 1; }

# The secret and the person go through standard input, where other users of this machine do not see them.
printf 'header = "Authorization: Bearer %s"\ndata = "{\\"edrpou\\":\\"%s\\",\\"%s\\":\\"%s\\"}"\n' "$token" "$body" "$kind" "$person" |
	curl -sS --fail-with-body --max-time 20 -H 'Content-Type: application/json' --config - "$POSVID_URL/api/v1/systems/documents"
