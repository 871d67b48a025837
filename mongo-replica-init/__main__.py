"""`python mongo-replica-init`: makes three mongods a replica set with users, or finds that they are one."""

import sys

from mongo_replica_init.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
