"use strict";
/**
 * A Node-RED context store in Redis (API: nodered.org, "Context Store API"), with a hash for each scope and JSON values. A
 * query must work with any store that follows the API, and npm has no Redis store that does.
 */
const { Redis } = require("ioredis");

class RedisContext {
  constructor({ port }) {
    // A store must always answer, so commands fail at once while the server is away.
    this.redis = new Redis({ host: "127.0.0.1", port, lazyConnect: true, enableOfflineQueue: false, maxRetriesPerRequest: 1, retryStrategy: () => 200 });
    this.redis.on("error", () => undefined);
  }

  open() {
    return this.redis.connect();
  }

  async close() {
    this.redis.disconnect();
  }

  get(scope, key, callback) {
    const keys = [key].flat();
    this.redis.hmget(scope, ...keys).then((values) => callback(null, ...values.map((value) => (value === null ? undefined : JSON.parse(value)))), callback);
  }

  set(scope, key, value, callback) {
    const keys = [key].flat();
    const values = Array.isArray(key) ? value : [value];
    const changes = this.redis.multi();
    keys.forEach((name, index) => (values[index] === undefined ? changes.hdel(scope, name) : changes.hset(scope, name, JSON.stringify(values[index]))));
    changes.exec().then(() => callback?.(null), (error) => callback?.(error));
  }

  keys(scope, callback) {
    this.redis.hkeys(scope).then((keys) => callback(null, keys), callback);
  }

  delete(scope) {
    return this.redis.del(scope);
  }

  async clean(activeNodes) {
    const active = new Set(["global", ...activeNodes]);
    const scopes = await this.redis.keys("*");
    await Promise.all(scopes.filter((scope) => !scope.split(":").some((id) => active.has(id))).map((scope) => this.redis.del(scope)));
  }
}

module.exports = (config) => new RedisContext(config);
