//! Passwords that nobody thought of.

use super::super::AuthError;
use super::super::issue::random_bytes;
use crate::model::password::Password;

/// Letters and digits that nobody takes for one another. There are 32, so each has five bits.
const ALPHABET: [char; 32] = [
    'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'm', 'n', 'p', 'q', 'r', 's', 't', 'u',
    'v', 'w', 'x', 'y', 'z', '2', '3', '4', '5', '6', '7', '8', '9',
];

/// A password of 24 letters and digits, 120 bits, in four groups that can be read to someone.
pub fn generated_password() -> Result<Password, AuthError> {
    let groups = random_bytes::<24>()?.map(|byte| ALPHABET.get(usize::from(byte % 32)));
    let groups = groups.chunks(6).map(|group| group.iter().copied().flatten().collect::<String>());
    Ok(Password::new(groups.collect::<Vec<_>>().join("-")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_password_is_long_and_no_two_are_the_same() {
        let (one, other) = (generated_password().unwrap(), generated_password().unwrap());
        assert_eq!(one.expose().len(), 27);
        assert_ne!(one.expose(), other.expose());
    }
}
