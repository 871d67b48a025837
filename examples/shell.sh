#!/bin/sh
# A session with the API: supply, demand, a demand that is refused, one that is sent twice, a group, the report,
# a clean.
#
#     sh examples/shell.sh
#     sh examples/shell.sh http://127.0.0.1:8000 example
#
# Where the service asks who one is, the environment variable STORE_API_TOKEN holds a token of the scopes read, supply,
# demand and clean. The two arguments are the service's address and the store, which is EMPTY at the end.
set -eu

api=${1:-http://127.0.0.1:8000}
store=${2:-example}

# A key that no other operation has: whoever sends the same again sends it with the same key.
new_key() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

# Say who asks; to curl's standard input, since everybody may read its arguments in the list of processes.
credential() { if [ -n "${STORE_API_TOKEN:-}" ]; then echo "Authorization: Bearer $STORE_API_TOKEN"; fi; }

# ask METHOD PATH [BODY [KEY]]: print the request, its answer and its status; with a key, also the answer's head.
ask() {
    echo "\$ $1 $2 ${3:-}"
    if [ $# -eq 4 ]; then
        set -- "$1" "$2" --header 'Content-Type: application/json' --data "$3" \
            --header "Idempotency-Key: $4" --include
    elif [ $# -eq 3 ]; then
        set -- "$1" "$2" --header 'Content-Type: application/json' --data "$3"
    fi
    method=$1 path=$2
    shift 2
    credential | curl --silent --show-error --noproxy '*' --header @- --request "$method" "$@" \
        --write-out '\n%{http_code}\n\n' "$api$path"
}

ask POST "/stores/$store" '{"operation": "supply", "item_id": "chair", "quantity": 10}'
ask POST "/stores/$store" '{"operation": "demand", "item_id": "chair", "quantity": 3}'

# Refused: nothing is taken, and the problem lists what is short.
ask POST "/stores/$store" '{"operation": "demand", "item_id": "chair", "quantity": 1000000000}'

# Sent twice, as after a lost answer: it is applied once, and the second answer says `idempotent-replayed: true`.
key=$(new_key)
ask POST "/stores/$store" '{"operation": "demand", "item_id": "chair", "quantity": 1}' "$key"
ask POST "/stores/$store" '{"operation": "demand", "item_id": "chair", "quantity": 1}' "$key"

# A group is applied whole or not at all.
ask POST "/stores/$store/group_op" '{"operation": "supply", "items": [
    {"item_id": "chair", "quantity": 1}, {"item_id": "table", "quantity": 2}]}'

ask GET "/stores/$store"
ask POST "/stores/$store/clean"
