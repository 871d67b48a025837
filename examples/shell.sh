#!/bin/sh
# A session with the API: supply, demand, a demand that is refused, a group, the report, a clean.
#
#     sh examples/shell.sh
#     sh examples/shell.sh http://127.0.0.1:8000 example
#
# The two arguments are the service's address and the store, which is EMPTY at the end.
set -eu

api=${1:-http://127.0.0.1:8000}
store=${2:-example}

# ask METHOD PATH [BODY]: print the request, its answer and its status.
ask() {
    echo "\$ $1 $2 ${3:-}"
    if [ $# -eq 3 ]; then
        set -- "$1" "$2" --header 'Content-Type: application/json' --data "$3"
    fi
    method=$1 path=$2
    shift 2
    curl --silent --show-error --noproxy '*' --request "$method" "$@" \
        --write-out '\n%{http_code}\n\n' "$api$path"
}

ask POST "/stores/$store" '{"operation": "supply", "item_id": "chair", "quantity": 10}'
ask POST "/stores/$store" '{"operation": "demand", "item_id": "chair", "quantity": 3}'

# Refused: nothing is taken, and the problem lists what is short.
ask POST "/stores/$store" '{"operation": "demand", "item_id": "chair", "quantity": 1000000000}'

# A group is applied whole or not at all.
ask POST "/stores/$store/group_op" '{"operation": "supply", "items": [
    {"item_id": "chair", "quantity": 1}, {"item_id": "table", "quantity": 2}]}'

ask GET "/stores/$store"
ask POST "/stores/$store/clean"
