use std::io::IoSlice;

use bytes::{Buf, Bytes};

/// A part of a response's body.
#[derive(Debug)]
pub enum Part<D> {
    /// As the service gave it.
    Given(D),
    /// Made by the server, or cut to size by it.
    Own(Bytes),
}

impl<D: Buf> Part<D> {
    /// Makes `Bytes` of it, by copying what is something else.
    pub(super) fn into_bytes(self) -> Bytes {
        match self {
            Self::Given(mut data) => data.copy_to_bytes(data.remaining()),
            Self::Own(bytes) => bytes,
        }
    }

    /// Returns all of it, if it lies in one piece.
    pub(super) fn whole(&self) -> Option<&[u8]> {
        Some(self.chunk()).filter(|chunk| chunk.len() == self.remaining())
    }
}

impl<D: Buf> Buf for Part<D> {
    #[inline]
    fn remaining(&self) -> usize {
        match self {
            Self::Given(data) => data.remaining(),
            Self::Own(bytes) => bytes.remaining(),
        }
    }

    #[inline]
    fn chunk(&self) -> &[u8] {
        match self {
            Self::Given(data) => data.chunk(),
            Self::Own(bytes) => bytes.chunk(),
        }
    }

    #[inline]
    fn advance(&mut self, count: usize) {
        match self {
            Self::Given(data) => data.advance(count),
            Self::Own(bytes) => bytes.advance(count),
        }
    }

    #[inline]
    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        match self {
            Self::Given(data) => data.chunks_vectored(slices),
            Self::Own(bytes) => bytes.chunks_vectored(slices),
        }
    }

    #[inline]
    fn copy_to_bytes(&mut self, length: usize) -> Bytes {
        match self {
            Self::Given(data) => data.copy_to_bytes(length),
            Self::Own(bytes) => bytes.copy_to_bytes(length),
        }
    }
}
