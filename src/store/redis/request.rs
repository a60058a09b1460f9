//! What is asked of a server in one go.

use redis::aio::MultiplexedConnection;
use redis::{
    Cmd, ErrorKind, FromRedisValue, Pipeline, RedisError, RedisResult, Script, ServerErrorKind,
    ToRedisArgs,
};

/// How to ask.
#[derive(Clone, Copy, Default)]
pub(super) struct How {
    /// Whether it is an exception that this server is asked, which has said so itself.
    pub(super) is_exception: bool,
    /// Whether it may safely happen twice.
    pub(super) may_repeat: bool,
    /// How many replicas must have what was written before it is answered.
    pub(super) replicas: u16,
}

/// Something to ask of a server in one go.
pub(super) enum Request<'a> {
    /// Commands that need not happen together, or happen in one slot.
    Batch(&'a Pipeline),
    /// A command; its first argument is its key.
    Command(&'a Cmd),
    /// A script; all of its keys are in one slot.
    Script(&'a Call<'a>),
}

impl Request<'_> {
    /// The key that decides which server of a cluster has to be asked; `None` if any may be.
    pub(super) fn key(&self) -> Option<Vec<u8>> {
        match self {
            Self::Batch(pipeline) => pipeline.cmd_iter().next().and_then(key_of),
            Self::Command(command) => key_of(command),
            Self::Script(call) => call.keys.first().cloned(),
        }
    }

    /// Whether it changes nothing, so that it may happen at any later moment, too.
    pub(super) fn is_read(&self) -> bool {
        match self {
            Self::Batch(pipeline) => pipeline.cmd_iter().all(is_read),
            Self::Command(command) => is_read(command),
            Self::Script(_) => false,
        }
    }

    /// Sends it, as an exception where a slot is on its way if the server said so.
    pub(super) async fn send<T: FromRedisValue>(
        &self,
        to: &mut MultiplexedConnection,
        is_exception: bool,
    ) -> RedisResult<T> {
        match self {
            Self::Batch(pipeline) if is_exception && pipeline.is_transaction() => {
                send_transaction_as_exception(pipeline, to).await
            }
            Self::Batch(pipeline) => pipeline.query_async(to).await,
            Self::Command(command) => send_command(command, to, is_exception).await,
            Self::Script(call) => {
                let command = call.command();
                match send_command(&command, to, is_exception).await {
                    Err(error) if is_unknown_script(&error) => {
                        call.script.load_async(to).await?;
                        send_command(&command, to, is_exception).await
                    }
                    answer => answer,
                }
            }
        }
    }
}

fn is_read(command: &Cmd) -> bool {
    const READS: [&str; 27] = [
        "EXISTS",
        "GET",
        "HEXISTS",
        "HGET",
        "HGETALL",
        "HKEYS",
        "HMGET",
        "INFO",
        "MGET",
        "PING",
        "SCAN",
        "SISMEMBER",
        "SMEMBERS",
        "SSCAN",
        "TIME",
        "XRANGE",
        "XREVRANGE",
        "ZCARD",
        "ZMSCORE",
        "ZRANGE",
        "ZRANGEBYLEX",
        "ZRANGEBYSCORE",
        "ZREVRANGE",
        "ZREVRANGEBYLEX",
        "ZREVRANGEBYSCORE",
        "ZSCAN",
        "ZSCORE",
    ];
    match command.args_iter().next() {
        Some(redis::Arg::Simple(name)) => {
            READS.iter().any(|read| read.as_bytes().eq_ignore_ascii_case(name))
        }
        _ => false,
    }
}

/// The key of a command whose first argument is one, and the first of a script that is called by its hash.
pub(super) fn key_of(command: &Cmd) -> Option<Vec<u8>> {
    let mut words = command.args_iter();
    let place = match words.next()? {
        redis::Arg::Simple(name) if name == b"EVALSHA" => 2,
        _ => 0,
    };
    match words.nth(place)? {
        redis::Arg::Simple(key) => Some(key.to_vec()),
        _ => None,
    }
}

/// In one write, for the exception holds for the very next command of the connection.
async fn send_command<T: FromRedisValue>(
    command: &Cmd,
    to: &mut MultiplexedConnection,
    is_exception: bool,
) -> RedisResult<T> {
    if !is_exception {
        return command.query_async(to).await;
    }
    let mut both = redis::pipe();
    both.cmd("ASKING").ignore().add_command(command.clone());
    let (answer,) = both.query_async(to).await?;
    Ok(answer)
}

/// The exception holds for a whole transaction that begins with the very next command. What its
/// commands answer is told of all of them.
async fn send_transaction_as_exception<T: FromRedisValue>(
    transaction: &Pipeline,
    to: &mut MultiplexedConnection,
) -> RedisResult<T> {
    let mut all = redis::pipe();
    all.cmd("ASKING").ignore().cmd("MULTI").ignore();
    for command in transaction.cmd_iter() {
        all.add_command(command.clone()).ignore();
    }
    all.cmd("EXEC");
    let (answers,) = all.query_async(to).await?;
    Ok(answers)
}

fn is_unknown_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

/// A script with its keys and arguments.
pub(super) struct Call<'a> {
    arguments: Vec<Vec<u8>>,
    keys: Vec<Vec<u8>>,
    script: &'a Script,
}

impl<'a> Call<'a> {
    /// A call without keys and arguments yet.
    pub(super) fn of(script: &'a Script) -> Self {
        Self { arguments: Vec::new(), keys: Vec::new(), script }
    }

    /// Adds a key.
    pub(super) fn key(&mut self, key: impl ToRedisArgs) -> &mut Self {
        key.write_redis_args(&mut self.keys);
        self
    }

    /// Adds an argument.
    pub(super) fn arg(&mut self, argument: impl ToRedisArgs) -> &mut Self {
        argument.write_redis_args(&mut self.arguments);
        self
    }

    fn command(&self) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        command.arg(self.script.get_hash()).arg(self.keys.len());
        command.arg(&self.keys).arg(&self.arguments);
        command
    }
}
