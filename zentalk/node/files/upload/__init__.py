"""From the node's folder to holders: shards are made, put and noted, and tried again."""
